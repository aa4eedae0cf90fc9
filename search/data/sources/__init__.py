"""Where rows come from: one file a source, and the map that names them.

| source in a study file | module | runs |
|---|---|---|
| `csv` | `csv_file` | here, with pandas |
| `npz` | `npz_file` | here, without pickle |
| `sklearn.NAME` | `scikit_learn` | here |
| `keras.NAME` | `keras_datasets` | in a child process (it imports TensorFlow) |
| `FILE.py:function` | `python_function` | in a child process (it may import anything) |

`raw` holds what a source hands over, and how whatever a function returned becomes plain arrays; `child`
starts the child process, `_child` is what runs in it. Whether the values make sense is checked for all sources
alike in `search.data.reading`. A new source is one file and one line in `SOURCES`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from search.data.sources import csv_file, keras_datasets, npz_file, python_function, scikit_learn
from search.data.sources.raw import RawData
from search.data.wording import suggest_name
from search.errors import DataError, Problem
from search.spec.sections import DataSection


@dataclass(frozen=True)
class Source:
    """A kind of source.

    Args:
        form: How a study file writes it.
        read: Reads it; arguments as in `search.data.read_data`.
        keys: Which of `path`, `target` and `options` it takes; the others are refused.
    """

    form: str
    read: Callable[[DataSection, Path, str], RawData]
    keys: frozenset[str]


SOURCES: Mapping[str, Source] = {
    "csv": Source("csv", csv_file.read_rows, frozenset({"path", "target"})),
    "npz": Source("npz", npz_file.read_rows, frozenset({"path"})),
    "sklearn": Source("sklearn.NAME", scikit_learn.read_rows, frozenset({"options"})),
    "keras": Source("keras.NAME", keras_datasets.read_rows, frozenset({"options", "path"})),
    "py": Source("FILE.py:function", python_function.read_rows, frozenset({"options"})),
}
"""What stands before the first dot of `source`, or `py`, to the source."""


def find_source(section: DataSection, place: str) -> Source:
    """The source that a [data] table names.

    Raises:
        DataError: There is no such source, or the table has keys that it does not take.
    """
    prefix, _, name = section.source.partition(".")
    key = "py" if ".py:" in section.source else prefix
    source = SOURCES.get(key)
    if source is None or (key != "py" and bool(name) != source.form.endswith(".NAME")):
        forms = [source.form for source in SOURCES.values()]
        message = f'expected source to be one of {", ".join(forms)}, received "{section.source}"'
        raise DataError(Problem(place, message, "" if source else _suggest(section.source, prefix)))
    unused = [
        Problem(place, f'expected no {name} with source = "{section.source}", received {name} = {value!r}')
        for name, value in (("path", section.path), ("target", section.target), ("options", section.options))
        if name not in source.keys and value not in (None, {})
    ]
    if unused:
        raise DataError(unused)
    return source


def _suggest(source: str, prefix: str) -> str:
    if source.endswith((".csv", ".npz")):
        return f'Write source = "{source[-3:]}" and path = "{source}".'
    if source.endswith(".py"):
        return f'Name the function too: "{source}:FUNCTION".'
    hint = suggest_name(prefix, list(SOURCES))
    return hint if hint.startswith("Did") else ""
