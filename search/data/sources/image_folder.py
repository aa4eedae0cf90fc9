"""`images`: a folder with a folder of pictures for each class, read by a child process that may import TensorFlow.

The pictures get the size and the colors of `[data] shape`: height and width in pixels, and 3 for red, green and blue, 1
or nothing for gray.
"""

from __future__ import annotations

import math

import numpy as np

from search.data.sources.child import call_arrays
from search.data.sources.raw import RawData, SourceRequest, to_rows
from search.data.wording import quote_names
from search.errors import DataError, Problem
from search.spec import SourceForm

FORM = SourceForm(form="images", matches=lambda text: text == "images", needs=("path",))

ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".gif")
MOST_BYTES = 2 * 2**30
"""Of all pictures together, as bytes; they are trained on as four times as many."""


def read_rows(request: SourceRequest) -> RawData:
    """Read all pictures of a folder, in the order of their paths.

    Raises:
        DataError: There is no such folder, it holds no two classes, the pictures do not fit into memory, or one of them
            cannot be read.
    """
    section, place = request.section, request.place
    folder = request.folder / str(section.path)
    if not folder.is_dir():
        message = f'expected path to name a folder with a folder for each class, received "{section.path}"'
        raise DataError(Problem(place, message, "A path is relative to the study file's folder."))
    files = {
        each.name: sorted(path for path in each.rglob("*") if path.suffix.lower() in ENDINGS and path.is_file())
        for each in sorted(folder.iterdir())
        if each.is_dir()
    }
    files = {name: paths for name, paths in files.items() if paths}
    if len(files) < 2:
        received = quote_names(list(files)) or "none"
        message = f"expected folders of pictures ({', '.join(ENDINGS)}) for two classes at least, received {received}"
        raise DataError(Problem(place, message))
    shape = _checked_shape(section.shape, sum(map(len, files.values())), place)
    asked = {
        "kind": "images",
        "name": str(section.path),
        "files": [str(path.resolve()) for paths in files.values() for path in paths],
        "shown": [str(path.relative_to(folder)) for paths in files.values() for path in paths],
        "labels": np.repeat(list(files), [len(paths) for paths in files.values()]),
        "shape": shape,
    }
    return to_rows(*call_arrays(asked, place, section.timeout_seconds), request)


def _checked_shape(shape: tuple[int, ...] | None, n_files: int, place: str) -> tuple[int, ...]:
    if shape is None or len(shape) not in (2, 3) or (len(shape) == 3 and shape[2] not in (1, 3)):
        received = "none" if shape is None else str(list(shape))
        remedy = "Pictures of other sizes are brought to it."
        message = f"expected shape = [height, width, 3], or 1 or nothing for gray, received {received}"
        raise DataError(Problem(place, message, remedy))
    n_bytes = n_files * math.prod(shape)
    if n_bytes > MOST_BYTES:
        message = f"expected pictures of 2 GiB in all, received {n_files:,} of {math.prod(shape):,} bytes"
        raise DataError(Problem(place, message, "Choose a smaller shape."))
    return shape
