"""The server as a whole: the port, the board and the workers, built from the settings."""

from typing import Self

from ferrule._core import Board, Config

from ferrule_server.drain import StopSignals
from ferrule_server.listener import ListenError, Reservation
from ferrule_server.supervisor import Supervisor, WorkersError


class StartError(Exception):
    """There is no server; nothing is left running."""


class App:
    """A server; a context manager, which leaves no process behind."""

    def __init__(self, config: Config, signals: StopSignals) -> None:
        """Takes the port, first of all, so that a second server on it does not touch the repository."""
        try:
            self._port = Reservation(config.host, config.port)
        except ListenError as error:
            raise StartError(str(error)) from error
        try:
            board = Board.create(config.workers)
        except OSError as error:
            self._port.close()
            raise StartError(f"cannot start the workers: {error}") from error
        self._supervisor = Supervisor(config, board, self._port.address, signals)

    @property
    def address(self) -> str:
        """Where the server listens, with the real port."""
        return self._port.address

    def start(self) -> bool:
        """Starts the workers; returns when every one answers. False: a signal to stop came before that."""
        try:
            return self._supervisor.start()
        except WorkersError as error:
            raise StartError(str(error)) from error

    def run(self) -> int:
        """Serves until a signal comes, then drains. Returns the exit status."""
        return self._supervisor.run()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._supervisor.kill()
        self._port.close()
