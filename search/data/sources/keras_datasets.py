"""`keras.NAME`: the data sets of `keras.datasets`, read by a child process that may import TensorFlow.

With `path` the set comes from an NPZ file of the user's, and Keras is not asked: it deletes a file whose hash it does
not know.
"""

from __future__ import annotations

import functools

from search.data.sources import npz_file
from search.data.sources.child import call_arrays
from search.data.sources.raw import RawData, SourceRequest, to_rows
from search.data.wording import suggest_name
from search.errors import DataError, Problem
from search.spec import SourceForm
from search.spec.catalogue import is_name_in

# Options of load_data are taken from Python alone; a study file may give none.
FORM = SourceForm(form="keras.NAME", matches=functools.partial(is_name_in, "keras"), takes=("path", "options"))

NAMES = ("boston_housing", "california_housing", "cifar10", "cifar100", "fashion_mnist", "mnist")
_RAGGED = ("imdb", "reuters")


def read_rows(request: SourceRequest) -> RawData:
    """Load a data set; its train and test parts are put one after the other.

    Raises:
        DataError: There is no such set, or it cannot be loaded (no network, for example) in the time given.
    """
    section, place = request.section, request.place
    name = section.source.removeprefix("keras.")
    if name in _RAGGED:
        message = f"expected a data set whose rows have one shape, received {section.source}: lists of words"
        raise DataError(Problem(place, message, 'Pad the lists in a function of your own: "FILE.py:function".'))
    if name not in NAMES:
        message = f'expected a data set of keras.datasets, received "{section.source}"'
        raise DataError(Problem(place, message, suggest_name(name, NAMES).replace('mean "', 'mean "keras.')))
    if "path" in section.options:
        message = f"expected no option path for {section.source}, received {section.options['path']!r}"
        raise DataError(Problem(place, message, "For a file of your own write data.path."))
    if section.path is not None:
        return npz_file.read_rows(request)
    asked = {"kind": "keras", "name": name, "options": section.options}
    return to_rows(*call_arrays(asked, place, section.timeout_seconds), request)
