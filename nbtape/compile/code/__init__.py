"""From texts to machine code: the cache, and the processes that fill it."""
