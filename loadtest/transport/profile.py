"""Where the instructions of a request go: Valgrind's callgrind, its functions grouped by the crate or library they are from.

Code that the compiler has copied into another function counts for the crate it was written in; code of Rust's own library
counts for the crate whose function it is part of.
"""

import re
import subprocess
from collections import Counter
from pathlib import Path

#: Instructions, share, file and function, and the object that has them.
_LINE = re.compile(r"^\s*([\d,]+)\s+\(\s*[\d.]+%\)\s+(.*?):(\S.*?)(?:\s\[(.*)\])?$")
_CRATE = re.compile(r"/registry/src/[^/]+/([\w-]+?)-\d+\.")
#: Crates and libraries that do one thing together.
_TOGETHER = {
    "hyper-util": "hyper",
    "http-body": "http",
    "http-body-util": "http",
    "httpdate": "http",
    "tokio-util": "tokio",
    "tokio-stream": "tokio",
    "futures-core": "tokio",
    "futures-util": "tokio",
    "futures-channel": "tokio",
    "pin-project-lite": "tokio",
    "mio": "tokio",
    "slab": "h2",
    "indexmap": "h2",
    "hashbrown": "h2",
    "fnv": "h2",
    "atomic-waker": "h2",
    "tonic-prost": "tonic",
    "tower-layer": "tower",
    "tower-service": "tower",
    "prost-types": "prost",
    "pyo3-ffi": "pyo3",
}
#: Rust's own library, and the crate that a function is of: ``crate::…`` or ``<crate::… as …>::…``.
_LIBRARY = re.compile(r"^/rustc/|/library/")
_OWNER = re.compile(r"^<*(?:&|mut |\*)*(\w+)::")
_RUST = {"core", "alloc", "std"}
_WORKSPACE = {
    "ferrule_server": "the server",
    "ferrule_ceilings": "the server",
    "ferrule_engine": "the engine",
    "ferrule_proto": "the engine",
    "ferrule_algorithms": "the algorithms",
    "_core": "the binding",
}
#: For what is not from a crate: where to look, for what, and the group. The first that fits.
_RULES = tuple(
    (place, re.compile(pattern), group)
    for place, pattern, group in (
        ("function", r"mem(cpy|move|set|cmp)|mempcpy", "memory copies (libc)"),
        ("file", r"jemalloc", "allocator"),
        (
            "function",
            r"rjem|malloc|calloc|realloc|\bfree\b|_int_|arena|tcache|operator (new|delete)|_Zn[wa]m|_Zd[la]",
            "allocator",
        ),
        ("file", r"server/rust/|loadtest/ceilings/|echo\.", "the server"),
        ("file", r"rust_core/engine/|ferrule-proto|ferrule\.v1|^proto/", "the engine"),
        ("file", r"rust_core/algorithms/", "the algorithms"),
        ("file", r"rust_core/python/", "the binding"),
        ("program", r"cygrpc", "grpcio"),
        ("file", r"(^|/)(Include|Objects|Modules|Python)/", "Python"),
        ("program", r"/_core", "the engine"),
        ("program", r"/(lib)?python[^/]*$", "Python"),
        ("program", r"/(libc|ld|libpthread|libstdc\+\+|libm)[-.][^/]*$", "libc"),
    )
)


def instructions(callgrind_out: Path) -> Counter[str]:
    """Instructions by group, of one process."""
    command = ("callgrind_annotate", "--threshold=100", "--auto=no", "--inclusive=no", str(callgrind_out))
    return grouped(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def grouped(annotated: str) -> Counter[str]:
    """From what ``callgrind_annotate`` says."""
    found: Counter[str] = Counter()
    for line in annotated.splitlines():
        if match := _LINE.match(line):
            count, file, function, program = match.groups()
            found[_group(file, function, program or "")] += int(count.replace(",", ""))
    return found


def _group(file: str, function: str, program: str) -> str:
    crate = _CRATE.search(file)
    if crate is not None:
        return "allocator" if "jemalloc" in crate[1] else _TOGETHER.get(crate[1], crate[1])
    if _LIBRARY.search(file):
        owner = _OWNER.match(function)
        if owner is None or owner[1] in _RUST:
            return "Rust's library"
        named = owner[1].replace("_", "-")
        return _WORKSPACE.get(owner[1]) or _TOGETHER.get(named, named)
    places = {"file": file, "function": function, "program": program}
    return next((group for place, pattern, group in _RULES if pattern.search(places[place])), "other")
