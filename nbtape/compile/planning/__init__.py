"""Where everything lies, and what runs in which order."""
