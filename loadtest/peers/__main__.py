"""``python -m loadtest.peers``: makes the environments of all peers, and says which can't be made and why."""

import sys

from rich.console import Console

from . import SUBJECTS


def main() -> int:
    """The command; 1 when a peer can't be made."""
    console = Console()
    left_out = False
    for subject in SUBJECTS:
        reason = subject.missing()
        if reason is None:
            versions = ", ".join(f"{package} {version}" for package, version in subject.versions().items())
            console.print(f"{subject.label}: {versions}", markup=False)
        else:
            left_out = True
            console.print(f"{subject.label}: left out, {reason}", style="red", markup=False)
    return int(left_out)


if __name__ == "__main__":
    sys.exit(main())
