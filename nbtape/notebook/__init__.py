"""The only floor that knows IPython: magics and displays."""
