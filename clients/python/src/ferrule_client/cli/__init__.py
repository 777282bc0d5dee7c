"""The command line: ``ferrule-client predict`` and ``ferrule-client fit``.

Exit status: 0 when all went well, 1 when the server refused or could not be reached, 2 when the arguments or a file are
wrong, 130 after Ctrl-C. Errors are one line on standard error.
"""

import os
import sys
from collections.abc import Sequence

from ferrule_client.errors import FerruleError

from .arguments import parser
from .commands import COMMANDS

REFUSED, WRONG, INTERRUPTED = 1, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command line, by default that of the process, and returns its exit status."""
    options = parser().parse_args(argv)
    try:
        COMMANDS[options.command](options)
        sys.stdout.flush()
    except FerruleError as error:
        return _failed(f"{error.code.name}: {error}", REFUSED)
    except BrokenPipeError:
        # Whoever read the answers has read enough. Python would complain once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (OSError, ValueError) as error:
        return _failed(str(error), WRONG)
    except KeyboardInterrupt:
        return _failed("interrupted", INTERRUPTED)
    return 0


def _failed(message: str, status: int) -> int:
    print(f"ferrule-client: error: {message}", file=sys.stderr)  # noqa: T201 (the error message)
    return status
