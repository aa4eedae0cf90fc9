"""Where rows come from: one file a source, and the map that names them.

| source in a study file | module | runs |
|---|---|---|
| `csv` | `csv_file` | here, with pandas |
| `parquet` | `parquet_file` | here, with pandas and pyarrow |
| `npz` | `npz_file` | here, without pickle |
| `sklearn.NAME` | `scikit_learn` | here |
| `images` | `image_folder` | in a child process (it imports TensorFlow) |
| `keras.NAME` | `keras_datasets` | in a child process (it imports TensorFlow) |
| `FILE.py:function` | `python_function` | in a child process (it may import anything) |

`raw` holds what a source is asked for and hands over, and how whatever a function returned becomes plain arrays;
`csv_cells` reads the bytes of a CSV file, `table` tells which columns of a file are what, and `frame_sheet` reads those
that have types; `picture_sizes` counts pixels before a picture is unpacked; `child` starts the child process, `_child`
is what runs in it. Whether the values make sense is checked for all sources alike in `search.data.reading`.

A new source is one file and one line in `SOURCES`: the file declares with its `FORM` how a study file writes it and
which keys it takes, which `search.preparation.catalogue` tells to the reader of study files; and it reads the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from search.data.sources import (
    csv_file,
    image_folder,
    keras_datasets,
    npz_file,
    parquet_file,
    python_function,
    scikit_learn,
)
from search.data.sources.raw import RawData, SourceRequest
from search.errors import DataError, Problem
from search.spec import DataSection, SourceForm
from search.spec.checks import hint_at_source


@dataclass(frozen=True)
class Source:
    """A kind of source.

    Args:
        form: How a study file writes it, and which keys it takes.
        read: Reads what is asked for.
    """

    form: SourceForm
    read: Callable[[SourceRequest], RawData]


SOURCES: Mapping[str, Source] = {
    "sklearn": Source(scikit_learn.FORM, scikit_learn.read_rows),
    "csv": Source(csv_file.FORM, csv_file.read_rows),
    "parquet": Source(parquet_file.FORM, parquet_file.read_rows),
    "npz": Source(npz_file.FORM, npz_file.read_rows),
    "images": Source(image_folder.FORM, image_folder.read_rows),
    "keras": Source(keras_datasets.FORM, keras_datasets.read_rows),
    "py": Source(python_function.FORM, python_function.read_rows),
}
"""A short name for the source, to the source; errors list them in this order."""


def find_source(section: DataSection, place: str) -> Source:
    """The source that a [data] table names.

    A study file's was checked when it was read; this speaks to those who write the table in Python.

    Raises:
        DataError: There is no such source, or the table has keys that it does not take.
    """
    source = next((each for each in SOURCES.values() if each.form.matches(section.source)), None)
    if source is None:
        known = [each.form for each in SOURCES.values()]
        # Those that are a single word come first.
        names = sorted((each.form for each in known), key=lambda form: not form.isidentifier())
        message = f'expected source to be one of {", ".join(names)}, received "{section.source}"'
        raise DataError(Problem(place, message, hint_at_source(section.source, known)))
    unused = [
        Problem(place, f'expected no {name} with source = "{section.source}", received {name} = {value!r}')
        for name, value in (("path", section.path), ("target", section.target), ("options", section.options))
        if name not in source.form.keys and value not in (None, {})
    ]
    if unused:
        raise DataError(unused)
    return source
