"""`sklearn.NAME`: generators (`make_...`), bundled sets (`load_...`) and downloads (`fetch_...`)."""

from __future__ import annotations

import functools
import http.client
import inspect
import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from search.data.machine import in_gib, machine_bytes
from search.data.sources.raw import PlainError, RawData, SourceRequest, to_plain, to_rows
from search.data.wording import suggest_name
from search.errors import DataError, Problem
from search.spec import SourceForm
from search.spec.catalogue import is_name_in
from search.spec.sections import DataSection
from search.spec.wording import show


def _hint(text: str) -> str:
    is_without_package = text.isidentifier() and text.lower().startswith(("make_", "load_", "fetch_"))
    return f"Did you mean {show('sklearn.' + text)}?" if is_without_package else ""


FORM = SourceForm(
    form="sklearn.NAME",
    matches=functools.partial(is_name_in, "sklearn"),
    options_of="scikit-learn",
    hint=_hint,
)

_BYTES_OF_A_CELL, _SHARE_OF_MEMORY = 24, 8
"""A float64, and twice as much while it is made and checked; generators take so much of the memory at most."""

# What scikit-learn raises on values that do not fit, and on downloads that fail.
_FAILURES = (
    *(ArithmeticError, AttributeError, LookupError, MemoryError, RuntimeError, TypeError, ValueError),
    *(OSError, ImportError, http.client.HTTPException),
)


def read_rows(request: SourceRequest) -> RawData:
    """Call a function of `sklearn.datasets`.

    A function that takes `random_state` gets 0 unless the options name one: a study must be repeatable.

    Raises:
        DataError: There is no such function, its options do not fit, or it gives no features and targets.
    """
    place = request.place
    name, function, options = _find_call(request.section, place)
    _check_size(function, name, options, place)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = function(**options)
        except _FAILURES as error:
            raise DataError(_explain(error, name, place)) from error
    if not isinstance(result, tuple) or len(result) != 2:
        received = f"{len(result)} values" if isinstance(result, tuple) else type(result).__name__
        message = f"expected {name} to return features and targets (x, y), received {received}"
        raise DataError(Problem(place, message, "Leave out options that change what it returns."))
    notes = tuple(f"scikit-learn says: {warning.message}" for warning in caught)
    try:
        rows = to_rows(to_plain(result[0], "x"), to_plain(result[1], "y"), request)
    except PlainError as error:
        raise DataError(Problem(place, f"{error} from {name}")) from error
    return replace(rows, notes=notes)


def sklearn_call(section: DataSection, place: str = "[data]") -> tuple[str, dict[str, Any]]:
    """The function of `sklearn.datasets` that a study's rows come from, by its name, and all arguments of its call.

    Raises:
        DataError: There is no such function, or its options do not fit.
    """
    name, _, options = _find_call(section, place)
    return name, options


def _find_call(section: DataSection, place: str) -> tuple[str, Callable[..., Any], dict[str, Any]]:
    name = section.source.removeprefix("sklearn.")
    function = _find_function(name, section.source, place)
    return name, function, _check_options(function, name, section.options, place)


def _find_function(name: str, source: str, place: str) -> Callable[..., Any]:
    """A generator, or a loader that can return features and targets."""
    from sklearn import datasets

    known = [each for each in datasets.__all__ if _gives_rows(each, getattr(datasets, each))]
    if name not in known:
        message = f'expected a data set of sklearn.datasets, received "{source}"'
        nearest = suggest_name(name, known)
        raise DataError(Problem(place, message, nearest.replace('mean "', 'mean "sklearn.')))
    function: Callable[..., Any] = getattr(datasets, name)
    return function


def _gives_rows(name: str, function: Any) -> bool:
    return name.startswith("make_") or "return_X_y" in inspect.signature(function).parameters


def _check_options(function: Callable[..., Any], name: str, given: Mapping[str, Any], place: str) -> dict[str, Any]:
    """The options as arguments; a TOML list becomes a tuple, which scikit-learn takes everywhere."""
    parameters = inspect.signature(function).parameters
    # make_classification alone takes return_X_y among the generators, and returns (x, y) by itself.
    fixed = {"return_X_y": True} if "return_X_y" in parameters else {}
    known = [each for each in parameters if each not in fixed]
    problems = [
        Problem(place, f'expected an option of {name}, received "{option}"', suggest_name(option, known))
        for option in given
        if option not in known
    ]
    problems += [
        Problem(place, f'expected option "{each}" of {name}, received none', f"Add {each} to options.")
        for each, parameter in parameters.items()
        if parameter.default is inspect.Parameter.empty and each not in given
    ]
    if problems:
        raise DataError(problems)
    options = {option: tuple(value) if isinstance(value, list) else value for option, value in given.items()}
    if "random_state" in parameters:
        options.setdefault("random_state", 0)
    return {**options, **fixed}


def _check_size(function: Callable[..., Any], name: str, options: Mapping[str, Any], place: str) -> None:
    """Refuse a generator that would fill the memory, before it makes anything."""
    if not name.startswith("make_"):
        return
    parameters = inspect.signature(function).parameters
    asked = {each: options.get(each, parameter.default) for each, parameter in parameters.items()}
    sizes = [_total(asked[each]) for each in ("n_samples", "n_features", "shape", "n_dim") if each in asked]
    n_cells = math.prod(sizes) * (asked["n_dim"] if isinstance(asked.get("n_dim"), int) else 1)
    needed, room = _BYTES_OF_A_CELL * n_cells, machine_bytes() // _SHARE_OF_MEMORY
    if needed > room:
        message = (
            f"expected at most {in_gib(room)} of rows, an eighth of the memory, received {name} of {in_gib(needed)}"
        )
        raise DataError(Problem(place, message, "Lower n_samples or n_features."))


def _total(size: Any) -> int:
    """How many a size asks for: a number, or one for each class or axis; 1 where it is neither."""
    if isinstance(size, int):
        return max(size, 1)
    if isinstance(size, list | tuple) and all(isinstance(each, int) for each in size):
        return max(math.prod(size), sum(size), 1)
    return 1


def _explain(error: BaseException, name: str, place: str) -> Problem:
    reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    if isinstance(error, (OSError, http.client.HTTPException)):
        return Problem(
            place,
            f"expected {name} to download its data, received {type(error).__name__}: {reason}",
            "Check the network, or use a csv or npz file.",
        )
    return Problem(place, f"expected options that {name} accepts, received: {reason}")
