"""``python -m ferrule``: the command line."""

import sys

from ferrule.command_line import main

if __name__ == "__main__":
    sys.exit(main())
