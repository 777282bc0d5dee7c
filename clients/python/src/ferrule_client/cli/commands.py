"""What each command does."""

import os
from argparse import Namespace
from collections.abc import Callable

from ferrule_client.client import Client
from ferrule_client.errors import InvalidArgument
from ferrule_client.security import Tls

from .answers import check_output, join, write_answers, write_report
from .arguments import algorithm
from .batches import batches, rows_per_batch
from .progress import progress
from .table import Layout, Table, read_table


def predict(options: Namespace) -> None:
    """Answers the rows of a file, batch by batch, all by the same version."""
    check_output(options.output)
    table = _table(options)
    rows = table.values.shape[0]
    with connect(options) as client:
        model = client.get_model(options.model, version=options.version)
        size = options.batch_rows or rows_per_batch(table.values, model, options.outputs)
        parts = []
        with progress(f"{model.model} version {model.version}", rows) as advance:
            for batch in batches(rows, size):
                try:
                    part = client.predict(
                        model.model,
                        table.values[batch],
                        version=model.version,
                        outputs=options.outputs,
                        feature_names=table.names,
                    )
                except InvalidArgument as error:
                    raise type(error)(f"rows {batch.start} to {batch.stop - 1}: {error}", error.details) from error
                parts.append(part)
                advance(batch.stop - batch.start)
        write_answers(join(parts), model, options.output, as_json=options.json)


def fit(options: Namespace) -> None:
    """Fits a model to the rows of a file and publishes it."""
    check_output(options.output)
    chosen = algorithm(options)
    table = _table(options, target=options.target)
    with connect(options) as client, progress(f"fitting {options.model}"):
        fitted = client.fit_predict(
            table.values, table.target, algorithm=chosen, model=options.model, feature_names=table.names
        )
        version = fitted.report.version
        model = client.get_model(options.model, version=version) if options.output is not None else None
    write_report(fitted.report, options.model, as_json=options.json)
    if model is not None:
        write_answers(fitted.prediction, model, options.output, as_json=False)


def connect(options: Namespace) -> Client:
    """A client by the options about the server. Raises OSError and ValueError."""
    tls = None
    if options.tls or options.ca or options.cert or options.key or options.server_name:
        tls = Tls.from_files(
            root_certificates=options.ca, certificate=options.cert, key=options.key, server_name=options.server_name
        )
    # Never an argument: those are for all to see in the list of processes.
    token = options.token_file.read_text().strip() if options.token_file else os.environ.get("FERRULE_TOKEN") or None
    return Client(
        options.address,
        timeout=options.timeout,
        tls=tls,
        token=token,
        allow_plaintext_token=options.allow_plaintext_token,
    )


def _table(options: Namespace, target: str | None = None) -> Table:
    layout = Layout(header=options.header, delimiter=options.delimiter, target=target, drop=options.drop)
    table = read_table(options.file, layout)
    if table.values.shape[0] == 0:
        raise ValueError(f"{options.file}: expected rows, got none")
    return table


COMMANDS: dict[str, Callable[[Namespace], None]] = {"predict": predict, "fit": fit}
