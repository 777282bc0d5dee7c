"""`python -m ferrule_server`: reads the command line and does what it says."""

import sys

from ferrule._core import Config, Healthcheck, UsageError, command_line, log_listening

PROGRAM = "python -m ferrule_server"


def main() -> int:
    """Returns the exit status."""
    command = command_line(PROGRAM, sys.argv[1:])
    if isinstance(command, UsageError):
        sys.stderr.write(command.text)
        return command.code
    try:
        if isinstance(command, Config):
            return serve(command)
        if isinstance(command, Healthcheck):
            check_health(command)
        else:
            say(command)
    except Failure as failure:
        sys.stderr.write(f"ferrule-server: {failure}\n")
        return 1
    return 0


def say(text: str) -> None:
    """Writes to standard output, at once."""
    try:
        # Not through `sys.stdout`, which would try once more, and complain, when the program ends.
        with open(1, "w", closefd=False) as output:
            output.write(text)
    except OSError as error:
        raise Failure(f"cannot write to standard output: {error.strerror} (os error {error.errno})") from error


def serve(config: Config) -> int:
    """Serves until told to stop."""
    from ferrule_server import logs
    from ferrule_server.app import App, StartError
    from ferrule_server.drain import StopSignals

    logs.start(config)
    try:
        with StopSignals() as signals, App(config, signals) as app:
            if app.start():
                log_listening(config, app.address)
                say(f"listening on {app.address}\n")
            return app.run()
    except StartError as error:
        raise Failure(str(error)) from error


def check_health(ask: Healthcheck) -> None:
    """Returns when the server says that it serves."""
    from ferrule_server import healthcheck

    try:
        healthcheck.run(ask)
    except healthcheck.UnhealthyError as error:
        raise Failure(str(error)) from error


class Failure(Exception):  # noqa: N818 (not an error of the program: what came to nothing, in one line)
    """Ends the program with exit status 1 and this line."""


if __name__ == "__main__":
    sys.exit(main())
