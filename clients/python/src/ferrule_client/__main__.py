"""``python -m ferrule_client``: the command line."""

import sys

from .cli import main

sys.exit(main())
