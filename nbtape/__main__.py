"""`python -m nbtape`: the command `nbtape`."""

import sys

from nbtape.notebook.cli import main

if __name__ == "__main__":
    sys.exit(main())
