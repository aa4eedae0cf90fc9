"""`parquet`: a table whose columns have types, read with pandas and pyarrow."""

from __future__ import annotations

import functools

from search.data.machine import check_fits
from search.data.sources.frame_sheet import FrameSheet
from search.data.sources.raw import RawData, SourceRequest, find_file, hint_at_file
from search.data.sources.table import read_table
from search.data.wording import count
from search.errors import DataError, Problem
from search.spec import SourceForm

FORM = SourceForm(
    form="parquet",
    matches=lambda text: text == "parquet",
    needs=("path", "target"),
    takes=("columns", "drop", "dates", "weight"),
    hint=functools.partial(hint_at_file, "parquet"),
)

_BYTES_OF_A_CELL = 32
"""In memory, and as a number and an input. In the file equal cells take nothing, however many they are."""


def read_rows(request: SourceRequest) -> RawData:
    """Read a file; its index, where it has one with a name, is no column.

    Raises:
        DataError: The package pyarrow is missing, or the file cannot be read.
    """
    path = find_file(request.section.path, request.folder, request.place)
    shown = str(request.section.path)
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        message = "expected the package pyarrow for parquet files, received an installation without it"
        remedy = 'Install it with `pip install "regsearch[parquet]"`, or save the table as csv.'
        raise DataError(Problem(request.place, message, remedy)) from error
    import pandas as pd

    try:
        with pq.ParquetFile(path) as file:
            n_cells = file.metadata.num_rows * file.metadata.num_columns
        remedy = "Save fewer rows or columns."
        check_fits(_BYTES_OF_A_CELL * n_cells, f'"{shown}" of {count(n_cells, "cell")}', request.place, remedy)
        frame = pd.read_parquet(path, engine="pyarrow")
    except (OSError, ValueError, pa.ArrowException) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        message = f'expected a parquet file, received "{shown}": {reason}'
        raise DataError(Problem(request.place, message)) from error
    return read_table(FrameSheet(shown, list(map(str, frame.columns)), frame), request)
