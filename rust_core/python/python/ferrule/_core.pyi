"""The compiled module: the face of the engine for a server, and of the algorithms for the estimators.

Everything here converts, releases the GIL where work is long, and maps errors. It decides nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Literal, TypeAlias, final

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Board",
    "Config",
    "Engine",
    "Healthcheck",
    "KMeansFit",
    "LogisticRegressionFit",
    "Method",
    "MiniBatchFit",
    "MiniBatchParameters",
    "MiniBatchState",
    "Pending",
    "Publication",
    "RepositoryEntry",
    "Session",
    "Status",
    "StoredModel",
    "UsageError",
    "command_line",
    "force_simd",
    "kmeans_fit",
    "kmeans_label",
    "kmeans_predict",
    "kmeans_transform",
    "log",
    "log_listening",
    "logistic_regression_decision_function",
    "logistic_regression_fit",
    "logistic_regression_predict",
    "logistic_regression_predict_proba",
    "methods",
    "mini_batch_fit",
    "mini_batch_learn",
    "mini_batch_start",
    "repository_entries",
    "simd_level",
    "start_logging",
]

# Rows: C-contiguous, or (data, indices, indptr, shape) of a CSR matrix; float64 or float32.
_Rows: TypeAlias = (
    NDArray[np.float64] | NDArray[np.float32] | tuple[NDArray[Any], NDArray[Any], NDArray[Any], tuple[int, int]]
)
_Numbers: TypeAlias = NDArray[np.float64] | NDArray[np.float32]
# Key and position of a Mersenne Twister.
_TwisterState: TypeAlias = tuple[NDArray[np.uint32], int]

# ---- A server's face: the command line and the settings

def command_line(program: str, arguments: Sequence[str]) -> Config | Healthcheck | str | UsageError:
    """Reads a command line and the environment.

    Args:
        program: What the user typed to get here, for the help texts.
        arguments: What follows it.

    Returns:
        The settings to serve with, whom to ask for health, a text to print (help, version, settings), or what is wrong.
    """

@final
class UsageError:
    """A command line or settings that can't be followed."""

    @property
    def text(self) -> str:
        """What was expected and what came, for standard error."""
    @property
    def code(self) -> int:
        """Exit status."""

@final
class Healthcheck:
    """Whom to ask for health, and the messages of the question."""

    @property
    def address(self) -> str:
        """Host and port of the server."""
    @property
    def timeout(self) -> float:
        """How long to wait for the answer, in seconds."""
    @property
    def path(self) -> str:
        """Path of the method to call."""
    def request(self) -> bytes:
        """The request."""
    @staticmethod
    def is_serving(response: bytes) -> bool:
        """Whether a response says SERVING."""

@final
class Config:
    """The settings; ``server/ferrule.toml`` says what each means. Durations are in seconds."""

    @staticmethod
    def from_toml(text: str) -> Config:
        """Reads what `to_toml` wrote. Raises ValueError for anything else."""
    def to_toml(self) -> str:
        """Every setting, as text."""
    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def workers(self) -> int:
        """Number of workers to start, at least 1."""
    @property
    def drain_delay(self) -> float: ...
    @property
    def drain_timeout(self) -> float: ...
    @property
    def max_message_bytes(self) -> int: ...
    @property
    def max_fits_in_flight(self) -> int: ...
    @property
    def max_concurrent_streams(self) -> int: ...

def start_logging(config: Config) -> None:
    """Starts JSON log lines on standard error for this process; later calls change nothing."""

def log_listening(config: Config, address: str) -> None:
    """Writes the line that says that a server listens, and with what."""

def log(level: int, logger: str, message: str) -> None:
    """Writes a log line; `level` is one of the numbers of Python's `logging`."""

# ---- A server's face: the engine

@final
class Board:
    """The memory that the workers of one server share."""

    @staticmethod
    def create(workers: int) -> Board:
        """Makes a board. Raises OSError for less than 1 or too many workers."""
    @staticmethod
    def attach(fd: int) -> Board:
        """Maps the board of a parent process; `fd` stays the caller's. Raises OSError when it is not a board."""
    @property
    def fd(self) -> int:
        """The descriptor to pass to worker processes; open as long as this object lives."""
    def clear(self, worker: int) -> None:
        """Clears what a worker that died had in progress."""

@final
class Method:
    """A method of the contract."""

    @property
    def path(self) -> str:
        """The HTTP/2 path, as ``/package.Service/Method``."""
    @property
    def shape(self) -> Literal["unary", "server_stream", "bidi_stream"]:
        """How messages flow."""
    @property
    def lane(self) -> Literal["predict", "fit", "stream"]:
        """Which thread pool it belongs to."""

def methods() -> list[Method]:
    """Every method that the engine serves."""

@final
class Status:
    """Why there is no answer, as gRPC says it."""

    @staticmethod
    def no_method(path: str) -> Status:
        """No method has this path."""
    @staticmethod
    def too_many_streams(limit: int) -> Status:
        """All streams that the server has threads for are open."""
    @staticmethod
    def message_too_large(limit: int) -> Status:
        """A message is over the limit, in bytes."""
    @staticmethod
    def incident(cause: str) -> Status:
        """The server failed: logs the cause; the status has the log line's number and nothing else."""
    @property
    def code(self) -> int:
        """``grpc-status``."""
    @property
    def message(self) -> str:
        """``grpc-message``."""
    @property
    def details(self) -> bytes:
        """``grpc-status-details-bin``; empty when there are none."""
    @property
    def retry_after_ms(self) -> int | None:
        """``grpc-retry-pushback-ms``, where a retry can help."""

@final
class Engine:
    """Serves one model repository for one worker. Safe to share between threads."""

    @staticmethod
    def start(config: Config, board: Board, worker: int) -> Engine:
        """Opens the repository and starts the engine's threads, which keep this thread's CPU mask.

        Raises RuntimeError when the repository can't be used. Health says NOT_SERVING until `serve`.
        """
    def call(self, method: Method, request: bytes, time_remaining: float | None = None) -> bytes | Status | Pending:
        """Takes a unary call.

        Args:
            method: One with the shape ``unary``.
            request: The request message; not copied.
            time_remaining: Seconds until the caller stops waiting; None or very many if it never does.

        Returns:
            The response or a status at once when the work is small, else a promise of it.
        """
    def open(self, method: Method, time_remaining: float | None = None) -> Session:
        """Opens a stream of a method that is not unary."""
    def serve(self) -> None:
        """Health says SERVING from now on."""
    def drain(self) -> None:
        """Health says NOT_SERVING from now on; calls are still answered."""
    def hang_up(self) -> None:
        """Ends every open stream with UNAVAILABLE."""

@final
class Pending:
    """An answer that is being computed. Deleting it cancels the work."""

    def wait(self) -> bytes | Status:
        """Waits for the answer, at most until the deadline, without holding the GIL. Once only."""
    def cancel(self) -> None:
        """Tells the work to stop; `wait` returns within milliseconds."""

@final
class Session:
    """An open stream. One thread may hand in messages while another takes replies."""

    def receive(self, message: bytes) -> None:
        """Takes one message of the caller."""
    def finish(self) -> None:
        """The caller has sent its last message."""
    def next(self) -> bytes | Status | None:
        """Waits for the next reply without holding the GIL. A status is the last one; None says that there are no more."""
    @property
    def waiting(self) -> int:
        """Replies that are ready to be taken."""
    def cancel(self) -> None:
        """The caller has gone: ends the stream and a wait for its next reply."""

# ---- Files without a server. Wrong content raises ValueError, what the system refuses OSError.

@final
class StoredModel:
    """A model as files hold it, checked."""

    @staticmethod
    def compose(description: str, arrays: Mapping[str, NDArray[np.float64]]) -> StoredModel:
        """The model that a description (JSON) and arrays make; ``rust_core/engine/src/model_description.rs`` says how."""
    @staticmethod
    def read(path: str | PathLike[str]) -> StoredModel:
        """Reads a file as a server does, checksum and all."""
    @property
    def description(self) -> str:
        """Everything that is not an array, as JSON."""
    @property
    def kind(self) -> Literal["k_means", "logistic_regression"]:
        """What was fitted."""
    @property
    def columns(self) -> int:
        """Number of columns of the rows that the model takes."""
    @property
    def width(self) -> int:
        """Clusters or classes."""
    def arrays(self) -> dict[str, NDArray[np.float64]]:
        """The arrays by name."""
    def write(self, path: str | PathLike[str]) -> None:
        """Writes a file, which is there whole or not at all."""
    def prepare(self, directory: str | PathLike[str], name: str) -> Publication:
        """Writes the file beside the versions of a model in a repository and reads it back."""
    def predict(self, x: _Rows) -> NDArray[np.uint32]:
        """The cluster of each row, or the index of its class."""
    def transform(self, x: _Rows) -> NDArray[np.float64]:
        """The distance of each row to each centre."""
    def decision_function(self, x: _Rows) -> NDArray[np.float64]:
        """The scores of each row: one for two classes, else one for each class."""
    def predict_proba(self, x: _Rows) -> NDArray[np.float64]:
        """The probability of each class for each row."""

@final
class Publication:
    """A file that is written but has no version yet; deleting it removes the file."""

    def model(self) -> StoredModel:
        """The model as it was read back from the file. Raises RuntimeError once it was published or abandoned."""
    def publish(self) -> tuple[int, Path]:
        """Makes it the model's next version: the version, and where the file is now. Once only."""
    def abandon(self) -> None:
        """Removes the file, unless it was published."""

@final
class RepositoryEntry:
    """A version of a model in a repository."""

    @property
    def name(self) -> str:
        """The model's name."""
    @property
    def version(self) -> int:
        """The version's number."""
    @property
    def path(self) -> Path:
        """Where its file is."""

def repository_entries(
    directory: str | PathLike[str], name: str | None = None, version: int | None = None
) -> list[RepositoryEntry]:
    """The versions in a repository, in order: all, or those of one model, or one. Raises OSError when there is none."""

# ---- The estimators' face. X, centers and coefficients are C-contiguous float64 arrays. Wrong arguments raise
# ValueError; Ctrl-C ends long work with KeyboardInterrupt.

def simd_level() -> str:
    """The vector instructions in use: ``portable``, ``avx2`` or ``avx512``."""

def force_simd(name: str) -> None:
    """Uses these vector instructions from now on, or the best that the CPU has for ``auto``.

    Raises ValueError for another name, or those that the CPU lacks.
    """

@final
class KMeansFit:
    """A fitted K-Means."""

    @property
    def centers(self) -> NDArray[np.float64]:
        """n_clusters × columns."""
    @property
    def labels(self) -> NDArray[np.int32]:
        """The cluster of each row."""
    @property
    def inertia(self) -> float:
        """Weighted sum of squared distances to the nearest centre."""
    @property
    def n_iter(self) -> int:
        """Iterations of the best run."""
    @property
    def converged(self) -> bool:
        """Whether the best run stopped by itself."""
    @property
    def strict(self) -> bool:
        """Whether it stopped because no row changed its cluster."""
    @property
    def distinct_labels(self) -> int:
        """Clusters that have a row."""
    @property
    def words_drawn(self) -> int:
        """32-bit words drawn from the random state."""

def kmeans_fit(
    x: _Rows,
    *,
    n_clusters: int,
    init: str | Sequence[NDArray[np.float64]],
    n_init: int | None,
    max_iter: int,
    tol: float,
    random: _TwisterState,
    sample_weight: NDArray[np.float64] | None,
    progress: Callable[[int, int, float], object] | None,
) -> KMeansFit:
    """Fits K-Means; `init` is "k-means++", "random" or the centres of each run. `progress` is called with run, iteration and
    inertia.
    """

def kmeans_predict(x: _Rows, centers: NDArray[np.float64]) -> NDArray[np.int32]:
    """The nearest centre of each row."""

def kmeans_transform(x: _Rows, centers: NDArray[np.float64]) -> NDArray[np.float64]:
    """The distances of each row to each centre."""

def kmeans_label(
    x: _Rows, centers: NDArray[np.float64], sample_weight: NDArray[np.float64] | None
) -> tuple[NDArray[np.int32], float]:
    """The nearest centre of each row, and the inertia."""

@final
class MiniBatchParameters:
    """How to fit in mini-batches."""

    def __new__(
        cls,
        *,
        n_clusters: int,
        init: str | Sequence[NDArray[np.float64]],
        n_init: int | None,
        max_iter: int,
        batch_size: int,
        init_size: int | None,
        tol: float,
        max_no_improvement: int | None,
        reassignment_ratio: float,
        compute_labels: bool,
    ) -> MiniBatchParameters: ...
    def init_rows(self, rows: int) -> int:
        """Rows that are drawn of `rows` to find first centres."""

@final
class MiniBatchState:
    """Centres, and what they have learnt from so far."""

    @property
    def centers(self) -> NDArray[np.float64]:
        """n_clusters × columns."""
    @property
    def counts(self) -> NDArray[np.float64]:
        """Weight that each centre has won."""
    @property
    def rows_since_reassignment(self) -> int:
        """Rows seen since centres that win little were last looked for."""
    @property
    def words_drawn(self) -> int:
        """32-bit words drawn from the random state."""
    @property
    def labels(self) -> tuple[NDArray[np.int32], float] | None:
        """The cluster of each row of the batch by the new centres, and the inertia; None unless asked for."""

@final
class MiniBatchFit:
    """A fit in mini-batches."""

    @property
    def state(self) -> MiniBatchState:
        """The centres; more batches can follow."""
    @property
    def labels(self) -> NDArray[np.int32]:
        """The cluster of each row; empty unless asked for."""
    @property
    def inertia(self) -> float:
        """Weighted sum of squared distances to the nearest centre, or an estimate of it."""
    @property
    def n_iter(self) -> int:
        """How often as many rows were drawn as there are, rounded up."""
    @property
    def n_steps(self) -> int:
        """Number of batches."""
    @property
    def converged(self) -> bool:
        """Whether a stopping test was met."""

def mini_batch_fit(
    x: _Rows,
    parameters: MiniBatchParameters,
    *,
    centers: NDArray[np.float64] | None,
    random: _TwisterState,
    sample_weight: NDArray[np.float64] | None,
    progress: Callable[[int, int, float], object] | None,
) -> MiniBatchFit:
    """Fits in mini-batches; from `centers`, if given, as the choice of a start that is done with."""

def mini_batch_start(
    x: _Rows,
    parameters: MiniBatchParameters,
    *,
    random: _TwisterState,
    sample_weight: NDArray[np.float64] | None,
) -> MiniBatchState:
    """First centres."""

def mini_batch_learn(
    x: _Rows,
    *,
    centers: NDArray[np.float64],
    counts: NDArray[np.float64],
    rows_since_reassignment: int,
    batch_size: int,
    reassignment_ratio: float,
    random: Callable[[], _TwisterState],
    sample_weight: NDArray[np.float64] | None,
    label: bool,
) -> MiniBatchState:
    """What the centres have become after one more batch; its rows' clusters too if `label` says so. `random` is asked for its state
    where something is drawn.
    """

@final
class LogisticRegressionFit:
    """A fitted logistic regression."""

    @property
    def coefficients(self) -> NDArray[np.float64]:
        """1 × columns for two classes, else n_classes × columns."""
    @property
    def intercepts(self) -> NDArray[np.float64]:
        """One for each row of coefficients."""
    @property
    def loss(self) -> float:
        """The objective at the end."""
    @property
    def n_iter(self) -> int:
        """Iterations."""
    @property
    def converged(self) -> bool:
        """Whether a minimum was found."""
    @property
    def separable(self) -> bool:
        """Whether there is none, because without a penalty larger coefficients always fit better."""
    @property
    def ill_conditioned(self) -> bool:
        """Whether Newton's method, which was asked for, met a singular Hessian and gave way to conjugate gradients."""

def logistic_regression_fit(
    x: _Rows,
    classes: NDArray[np.uint32],
    *,
    n_classes: int,
    c: float,
    l1_ratio: float,
    solver: str,
    fit_intercept: bool,
    intercept_scaling: float | None,
    class_weight: Sequence[float] | None,
    max_iter: int,
    tol: float,
    start: tuple[NDArray[np.float64], NDArray[np.float64]] | None,
    sample_weight: NDArray[np.float64] | None,
    progress: Callable[[int, int, float], object] | None,
) -> LogisticRegressionFit:
    """Fits logistic regression; `classes` are indices below `n_classes`.

    Args:
        x: The rows.
        classes: The class of each row.
        n_classes: How many there are.
        c: Inverse strength of the penalty; infinite for none.
        l1_ratio: The part of the absolute values in the penalty.
        solver: A name that scikit-learn knows, or ``"auto"``.
        fit_intercept: Whether scores have an intercept.
        intercept_scaling: How the intercept is penalised, if it is.
        class_weight: One for each class, or None for 1.
        max_iter: Most iterations.
        tol: When to stop.
        start: Coefficients and intercepts to begin with, or None for zeros.
        sample_weight: One for each row, or None for 1.
        progress: Called with run (1), iteration and objective after each iteration.
    """

def logistic_regression_predict(x: _Rows, coefficients: _Numbers, intercepts: _Numbers) -> NDArray[np.uint32]:
    """The index of each row's most probable class."""

def logistic_regression_decision_function(x: _Rows, coefficients: _Numbers, intercepts: _Numbers) -> _Numbers:
    """The scores of each row: one for two classes, else one for each class; float32 where rows and coefficients are."""

def logistic_regression_predict_proba(x: _Rows, coefficients: _Numbers, intercepts: _Numbers) -> _Numbers:
    """The probability of each class for each row; float32 where rows and coefficients are."""
