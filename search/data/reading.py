"""`read_data`: the [data] table of a study file becomes a checked `Dataset`."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from search.data.columns import TableOptions, is_date, is_text
from search.data.dataset import Dataset, code_columns, fingerprint
from search.data.further_targets import tell_further
from search.data.named_inputs import InputShapes, NamedArrays, code_texts, join_inputs, name_cell
from search.data.row_columns import check_row_columns
from search.data.sources import find_source
from search.data.sources.raw import LARGEST, RawData, RowRole, SourceRequest
from search.data.stored_rows import blocks_of, bytes_of, divided, is_stored, is_table, with_bytes_kept
from search.data.targets import Target, tell_target
from search.data.wording import count, quote, quote_names, suggest_name
from search.errors import DataError, Problem
from search.spec.sections import DataSection, SplitSection, TaskName

if TYPE_CHECKING:
    import pandas as pd

Array = npt.NDArray[Any]

_LARGEST_WHOLE = 2**24
_FILLED = "Missing cells of a table (csv, a DataFrame) are filled here."


def read_data(
    section: DataSection,
    folder: Path,
    place: str = "[data]",
    *,
    own_model: bool = False,
    split: SplitSection | None = None,
    split_place: str = "[split]",
    output: str | None = None,
    objective_place: str = "[objective]",
) -> Dataset:
    """Read, check and fingerprint the data of a study.

    Args:
        section: The [data] table.
        folder: Folder of the study file, to which the section's paths are relative.
        place: Where the table stands, for errors: `studies/moons.toml:4 [data]`.
        own_model: Whether the rows are for a model of the user's: it is given bytes as they are, and no more inputs
            than it was made for; for other models bytes become numbers from 0 to 1.
        split: The [split] table, which may name columns that divisions respect; None for none.
        split_place: Where that stands.
        output: Of several outputs the one that the study is about; None for the first one.
        objective_place: Where that is named.

    Raises:
        DataError: The data cannot be used; every problem that could be told at once is listed.
    """
    request = SourceRequest(section, folder, place, _beside(section, split), split_place, output, objective_place)
    rows = find_source(section, place).read(request)
    if output is not None and not rows.output:
        message = f"expected no output, since the data has one target, received {quote(output)}"
        raise DataError(Problem(objective_place, message, "Save y_NAME for each output."))
    _check_sizes(rows, place)
    if section.inputs is not None:
        rows = _with_inputs(rows, section, place)
    if rows.texts and not own_model:
        raise DataError(_unfit_texts(rows, place))
    if section.shape is not None:
        rows = replace(rows, features=_reshape(rows.features, section.shape, place))
    if own_model and not is_table(rows.features) and rows.features.dtype == np.uint8:
        note = "The features are bytes (uint8) and are given to the model as they are, from 0 to 255."
        kept = rows.features
        kept = with_bytes_kept(kept) if is_stored(kept) else kept.astype(np.float32)
        rows = replace(rows, features=kept, notes=(*rows.notes, note))
    options = _table_options(section, rows, own_model=own_model, place=place)
    target, features, notes = _check_values(rows, section.task, options, place)
    inputs = rows.inputs if section.shape is None else ()
    columns = check_row_columns(rows.row_columns, len(target.values), request)
    if is_stored(features) and section.standardize:
        message = "expected no standardize for features that stay in a file, received true"
        raise DataError(Problem(place, message, "Let the model begin with a Normalization layer that was adapted."))
    further = tell_further(rows.further, len(target.values), place)
    of_table = is_table(features)
    told = _fingerprinted(target.values)
    return Dataset(
        features=features,
        target=target.values,
        task=target.task,
        classes=target.classes,
        standardize=of_table if section.standardize is None else section.standardize,
        sha256=fingerprint(features, told, rows.target_names, target.classes, columns, inputs, further, rows.texts),
        notes=(*rows.notes, *target.notes, *notes, *_note_constant(rows, features, inputs)),
        texts=tuple(rows.texts.items()),
        made_of=rows.made_of,
        inputs=inputs,
        output=rows.output,
        further=further,
        scaled_bytes=_are_scaled_bytes(rows.features),
        options=options,
        groups=columns.get("groups"),
        order=columns.get("order"),
        part=columns.get("part"),
        weight=columns.get("weight"),
    )


def _unfit_texts(rows: RawData, place: str) -> Problem:
    """Text as the input of a model that takes numbers."""
    if not rows.inputs:
        (text,) = rows.texts.values()
        remedy = "Text columns are taken from a csv file or a pandas DataFrame."
        return Problem(place, f"expected features of numbers, received dtype {text.dtype}", remedy)
    kinds = ", ".join(f'"{name}" of dtype {text.dtype}' for name, text in rows.texts.items())
    return Problem(place, f"expected inputs of numbers, received {kinds}", "Text is for models whose inputs are text.")


def _beside(section: DataSection, split: SplitSection | None) -> dict[RowRole, str]:
    """The columns that say something of their rows, by what they say."""
    named: dict[RowRole, str | None] = {"weight": section.weight}
    if split is not None:
        named |= {"groups": split.groups, "order": split.order, "part": split.column}
    return {role: name for role, name in named.items() if name is not None}


def _table_options(section: DataSection, rows: RawData, *, own_model: bool, place: str) -> TableOptions:
    """How the columns of a table become inputs."""
    features = rows.features
    keys = ("missing", "min_frequency", "target_encode")
    if not is_table(features):
        given = [key for key in keys if getattr(section, key) is not None]
        problems = [Problem(place, f"expected no {key} for arrays of numbers, received it") for key in given]
        if problems:
            raise DataError(problems)
        return TableOptions()
    encoded = section.target_encode or ()
    unfit = [name for name in encoded if name not in features.columns or not is_text(features[name])]
    if unfit:
        message = f"expected target_encode to name columns of text, received {quote_names(unfit)}"
        raise DataError(Problem(place, message, "Give them as text; dates cannot be encoded so."))
    missing = section.missing or ("impute" if own_model else "indicate")
    return TableOptions(missing, section.min_frequency, encoded, rows.date_formats)


def _fingerprinted(target: Array) -> Array:
    """Targets as fingerprints of earlier versions took them, which held quantities in float32."""
    return target.astype(np.float32) if target.dtype.kind == "f" else target


def _check_sizes(rows: RawData, place: str) -> None:
    features, target = rows.features, rows.target
    if features.ndim < 2:
        raise DataError(
            Problem(
                place,
                f"expected features of shape (rows, columns, ...), received shape {features.shape}",
                "For a single column use x.reshape(-1, 1).",
            )
        )
    if target.ndim == 0 or len(target) != len(features):
        raise DataError(
            Problem(
                place,
                f"expected a target for each of {count(len(features), 'row')}, received shape {target.shape}",
            )
        )
    if len(features) < 2:
        raise DataError(Problem(place, f"expected at least 2 rows, received {len(features)}"))
    if 0 in features.shape:
        raise DataError(Problem(place, f"expected at least 1 feature, received shape {features.shape}"))


def _with_inputs(rows: RawData, section: DataSection, place: str) -> RawData:
    """Columns of a table as arrays of several inputs."""
    features, asked = rows.features, section.inputs or {}
    if not is_table(features):
        message = "expected the columns of a table, since inputs names some, received arrays"
        raise DataError(Problem(place, message, "Save an array for each input: numpy.savez(path, x_NAME=..., y=y)."))
    if section.shape is not None:
        raise DataError(Problem(place, "expected shape or inputs, received both"))
    known = list(map(str, features.columns))
    names = list(dict.fromkeys(name for columns in asked.values() for name in columns))
    problems = [
        Problem(
            place,
            f"expected inputs to name columns, received {quote(name)}",
            suggest_name(name, known),
        )
        for name in names
        if name not in features.columns
    ]
    if problems:
        raise DataError(problems)
    of_text = {key for key, columns in asked.items() if all(is_text(features[name]) for name in columns)}
    others = [name for key, columns in asked.items() if key not in of_text for name in columns]
    _of_numbers(features[list(dict.fromkeys(others))], f"inputs = {{ {', '.join(asked)} }}", place)
    named, texts = code_texts(NamedArrays({key: features[list(columns)].to_numpy() for key, columns in asked.items()}))
    joined, inputs = join_inputs(named, place)
    unused = [name for name in features.columns if name not in names]
    notes = (f"Columns that no input takes are not used: {quote_names(unused)}.",) if unused else ()
    made_of = tuple((key, tuple(columns)) for key, columns in asked.items())
    return replace(rows, features=joined, inputs=inputs, texts=texts, made_of=made_of, notes=(*rows.notes, *notes))


def _of_numbers(features: pd.DataFrame, why: str, place: str) -> pd.DataFrame:
    """The columns of a table, none of which is text, a date or has a gap."""
    text = [name for name in features.columns if is_text(features[name]) or is_date(features[name])]
    if text:
        message = f"expected columns of numbers, since {why}, received text in {quote_names(text)}"
        raise DataError(Problem(place, message, f"Leave the columns out of the file, or leave {why.split()[0]} out."))
    if holed := [name for name in features.columns if features[name].isna().any()]:
        message = f"expected a number in every cell, since {why}, received gaps in {quote_names(holed)}"
        raise DataError(Problem(place, message, f"Drop or fill them, or leave {why.split()[0]} out."))
    return features


def _reshape(features: Array | pd.DataFrame, shape: tuple[int, ...], place: str) -> Array:
    """Features as an array of rows of that shape; a table's columns are taken in their order."""
    if is_table(features):
        features = _of_numbers(features, f"shape = {list(shape)}", place).to_numpy()
    size, wanted = math.prod(features.shape[1:]), math.prod(shape)
    if size != wanted:
        message = f"expected rows of {wanted} numbers, since shape = {list(shape)}, received rows of {size}"
        raise DataError(Problem(place, message, "The numbers of shape multiply to the numbers of a row."))
    return features.reshape(len(features), *shape)


def _check_values(
    rows: RawData, task: TaskName | None, options: TableOptions, place: str
) -> tuple[Target, Array | pd.DataFrame, tuple[str, ...]]:
    """The checked target and features, and notes on the features; problems of both are reported together."""
    target: Target | None = None
    problems: list[Problem] = []
    try:
        target = tell_target(rows.target, task, place)
    except DataError as error:
        problems.extend(error.problems)
    try:
        features, notes = _check_features(rows, options, place)
    except DataError as error:
        problems.extend(error.problems)
        raise DataError(problems) from error
    if target is None:
        raise DataError(problems)
    return target, features, notes


def _check_features(rows: RawData, options: TableOptions, place: str) -> tuple[Array | pd.DataFrame, tuple[str, ...]]:
    features = rows.features
    if not is_table(features):
        return _check_array(features, rows.inputs, place)
    _check_table(features, options, place)
    return features, ()


def _check_array(features: Array, inputs: InputShapes, place: str) -> tuple[Array, tuple[str, ...]]:
    """Features as finite float32, and a note when bytes were scaled."""
    if is_stored(features):
        return _check_stored(features, place)
    if features.dtype.kind not in "biuf":
        raise DataError(
            Problem(
                place,
                f"expected features of numbers, received dtype {features.dtype}",
                "Text columns are taken from a csv file or a pandas DataFrame.",
            )
        )
    with np.errstate(over="ignore"):
        numbers = np.ascontiguousarray(features, dtype=np.float32)
    if len(wrong := np.argwhere(~np.isfinite(numbers))):
        first = tuple(int(index) for index in wrong[0])
        bad = features[first]
        ask = "a number that float32 can hold" if np.isfinite(bad) else "a finite number"
        more = f" (and {count(len(wrong) - 1, 'more cell')})" if len(wrong) > 1 else ""
        where = f"at {name_cell(first[1], inputs)} of row {first[0]}" if inputs else f"at index {list(first)}"
        raise DataError(
            Problem(
                place,
                f"expected {ask} in every cell of the features, received {bad} {where}, counted from 0{more}",
                "Drop or fill it." if np.isfinite(bad) else f"Drop or fill it. {_FILLED}",
            )
        )
    if _are_scaled_bytes(features):
        note = "The features are bytes (uint8) and were scaled from 0 ... 255 to 0 ... 1."
        return numbers / np.float32(255), (note,)
    return numbers, _note_rounded(features, numbers)


def _check_stored(features: Array, place: str) -> tuple[Array, tuple[str, ...]]:
    """The same of rows that stay in a file, which are read once for it."""
    largest, first = -np.inf, 0
    for block in blocks_of(features):
        wrong = np.argwhere(~np.isfinite(block))
        if len(wrong):
            where = [first + int(wrong[0][0]), *map(int, wrong[0][1:])]
            message = f"expected a finite number in every cell of the features, received another at index {where}"
            raise DataError(Problem(place, f"{message}, counted from 0", "Drop or fill it."))
        largest, first = max(largest, float(block.max())), first + len(block)
    note = (
        f"The features take {bytes_of(features) / 2**30:.2g} GiB and stay in a file: runs train with Keras' own loop."
    )
    if features.dtype != np.uint8 or largest <= 1:
        return features, (note,)
    scaled = "The features are bytes (uint8) and were scaled from 0 ... 255 to 0 ... 1."
    return divided(features, 255.0), (note, scaled)


def _note_rounded(features: Array, numbers: Array) -> tuple[str, ...]:
    """Whole numbers that float32 does not hold: as names of things, for an Embedding, some would be one."""
    large = np.abs(numbers) >= _LARGEST_WHOLE  # one above is rounded to it
    exact = features[large].astype(np.float64)
    n_rounded = int(((exact == np.rint(exact)) & (exact != numbers[large])).sum())
    if not n_rounded:
        return ()
    cells = count(n_rounded, "whole number")
    return (f"The features are trained on in float32, which rounds {cells} above {_LARGEST_WHOLE:,}.",)


def _are_scaled_bytes(features: Array | pd.DataFrame) -> bool:
    """Whether features are bytes that become numbers from 0 to 1; bytes that are such numbers already stay."""
    if is_table(features) or features.dtype != np.uint8:
        return False
    return any(block.max() > 1 for block in blocks_of(features)) if is_stored(features) else bool(features.max() > 1)


def _check_table(features: pd.DataFrame, options: TableOptions, place: str) -> None:
    """Refuse cells that no input can be made of."""
    problems = []
    for name in features.columns:
        column = features[name]
        lacking = column.isna().to_numpy() & (options.missing == "error")
        wrong = np.flatnonzero(lacking)
        remedy = 'Drop or fill it, or set missing = "indicate" or "impute".'
        if not is_text(column) and not is_date(column) and not len(wrong):
            wrong, remedy = np.flatnonzero(np.abs(column.to_numpy()) > LARGEST), "Drop or fill it."
        if len(wrong):
            more = f" (and {count(len(wrong) - 1, 'more row')})" if len(wrong) > 1 else ""
            received = f"{column.iloc[wrong[0]]} in row {wrong[0]}, counted from 0{more}"
            asked = "text" if is_text(column) else "a date" if is_date(column) else "a finite number"
            problems.append(Problem(f'{place} column "{name}"', f"expected {asked}, received {received}", remedy))
    if problems:
        raise DataError(problems)


def _note_constant(rows: RawData, features: Array | pd.DataFrame, inputs: InputShapes) -> tuple[str, ...]:
    if rows.texts or is_stored(features):
        return ()
    cells = code_columns(features)
    constant = np.flatnonzero((cells == cells[0]).all(axis=0))
    if not len(constant):
        return ()
    if not is_table(features):
        names = [_cell_in_words(index, features.shape[1:], inputs) for index in constant.tolist()]
        named = ", ".join(names[:6])
        if len(names) > 6:
            named += f" and {len(names) - 6} more"
    else:
        named = quote_names(features.columns[constant])
    return (f"{len(constant)} of {cells.shape[1]} features never change: {named}.",)


def _cell_in_words(index: int, shape: tuple[int, ...], inputs: InputShapes) -> str:
    """Where a number of a row is: its place in the row's shape, or in an input."""
    if inputs:
        return name_cell(index, inputs)
    return str(index if len(shape) == 1 else tuple(int(part) for part in np.unravel_index(index, shape)))
