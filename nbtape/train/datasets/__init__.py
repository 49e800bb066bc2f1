"""The data sets that people begin with, and how their files come here."""
