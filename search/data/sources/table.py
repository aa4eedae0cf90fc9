"""Which columns of a file's table are features and targets, which are dates, and which say something of their rows."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from search.data.date_formats import ISO, closest_format, find_formats, read_dates
from search.data.further_targets import main_output
from search.data.sources.raw import RawData, RowRole, SourceRequest, to_frame
from search.data.targets import is_coded, is_one_hot
from search.data.wording import keep_first, quote, quote_names, suggest_name
from search.errors import DataError, Problem
from search.spec.sections import TaskName

Array = npt.NDArray[Any]
Role = RowRole | Literal["feature", "target"]


@dataclass(frozen=True)
class Reading:
    """How a column is to be read.

    Args:
        role: What it is for.
        may_lack: Whether cells may be missing.
        may_mix: Whether numbers beside text are text: class labels may be `1`, `2` and `A`.
        may_be_text: Whether they are where they look like it.
        as_text: Whether numbers are text, too.
        date_format: The format of its dates; None for a column of numbers or text.
    """

    role: Role
    may_lack: bool = False
    may_mix: bool = False
    may_be_text: bool = False
    as_text: bool = False
    date_format: str | None = None


class Sheet(ABC):
    """The columns of a file, read one by one.

    Attributes:
        shown: The file as errors name it.
        header: Names of the columns, in order.
    """

    shown: str
    header: list[str]

    @abstractmethod
    def read(self, name: str, reading: Reading) -> tuple[Array, list[Problem]]:
        """A column, and what is wrong with it.

        Returns:
            float64, text (dtype `U`, or object with None for missing cells) or datetime64[us], shape (rows,); and
            problems, after which the column is of no use.
        """

    @abstractmethod
    def texts(self, name: str) -> list[str]:
        """The cells of a column as text, but for missing ones."""

    def explain_unknown(self, name: str) -> str:
        """What may have been meant by a column that is not there."""
        return suggest_name(name, self.header)


def read_table(sheet: Sheet, request: SourceRequest, problems: Sequence[Problem] = ()) -> RawData:
    """Features, targets and what is said of rows.

    Args:
        sheet: The table.
        request: What to read of it.
        problems: What is wrong with the table; told once it is clear which columns are meant to be its targets.

    Raises:
        DataError: With the first problems of each kind.
    """
    section, place = request.section, request.place
    targets = _find_targets(sheet, request)
    if problems:
        raise DataError(keep_first(problems))
    beside = _find_beside(sheet, request, targets)
    others = {*targets, *(name for role, name in beside.items() if role != "order")}
    features = _find_features(sheet, request, others)
    formats = _date_formats(sheet, request, [*features, *beside.values()])
    columns, wrong = _read_features(sheet, request, features, formats)
    is_label, is_number = section.task == "classification", section.task == "regression"
    row_columns: dict[RowRole, Array] = {}
    for name in targets:
        as_text = name in (section.text or ())
        reading = Reading("target", may_mix=is_label, may_be_text=not is_number, as_text=as_text)
        columns[name], found = sheet.read(name, reading)
        wrong += found
    for role, name in beside.items():
        row_columns[role], found = sheet.read(name, _of_role(role, name, formats))
        if role == "order" and row_columns[role].dtype.kind == "U" and not found:
            told = tell_format(sheet, name)
            if isinstance(told, Problem):
                found = [told]
            else:
                row_columns[role], found = sheet.read(name, Reading(role, date_format=told))
        wrong += found
    if wrong:
        raise DataError(keep_first(wrong))
    notes = _note_empty(sheet, columns, features, place)
    output = main_output(section.targets, request.output, request.objective_place)
    of_output, further = dict[str, Array](), dict[str, Array]()
    for key, of_this in section.targets.items():
        task = section.task if key == output else None
        values, of_target = _read_target([columns[each] for each in of_this], list(of_this), task, place)
        (of_output if key == output else further)[key] = values
        notes += of_target
    return RawData(
        to_frame({name: columns[name] for name in features if not _is_empty(columns[name])}),
        of_output[output],
        section.targets[output],
        tuple(notes),
        row_columns,
        formats,
        output=output,
        further=further,
    )


def read_columns(sheet: Sheet, request: SourceRequest) -> tuple[dict[str, Array], dict[str, str], list[str]]:
    """The features of a table that has no column of anything else, the formats of its dates, and notes.

    Args:
        sheet: The table.
        request: What to read of it.

    Raises:
        DataError: With the first problems of each kind.
    """
    features = _find_features(sheet, request, set())
    formats = _date_formats(sheet, request, features)
    columns, wrong = _read_features(sheet, request, features, formats)
    if wrong:
        raise DataError(keep_first(wrong))
    notes = _note_empty(sheet, columns, features, request.place)
    return {name: cells for name, cells in columns.items() if not _is_empty(cells)}, formats, notes


def _read_features(
    sheet: Sheet, request: SourceRequest, features: Sequence[str], formats: Mapping[str, str]
) -> tuple[dict[str, Array], list[Problem]]:
    """The columns to learn from, and what is wrong with them."""
    columns, wrong = dict[str, Array](), list[Problem]()
    for name in features:
        columns[name], found = sheet.read(name, _of_feature(name, request, formats))
        wrong += found
    return columns, wrong


def _note_empty(sheet: Sheet, columns: Mapping[str, Array], features: Sequence[str], place: str) -> list[str]:
    """A note on columns without any value.

    Raises:
        DataError: There are no others.
    """
    empty = [name for name in features if _is_empty(columns[name])]
    if len(empty) == len(features):
        raise DataError(Problem(place, f'expected a column of "{sheet.shown}" with values, received empty ones only'))
    return [f"Columns without any value are left out: {quote_names(empty)}."] if empty else []


def _find_targets(sheet: Sheet, request: SourceRequest) -> list[str]:
    """The names of the target columns."""
    section, place = request.section, request.place
    wanted = [name for names in section.targets.values() for name in names]
    if len(set(wanted)) < len(wanted):
        twice = next(name for name in wanted if wanted.count(name) > 1)
        raise DataError(Problem(place, f"expected each target for one output, received {quote(twice)} for several"))
    if not wanted:
        message = f'expected target to name a column of "{sheet.shown}", received none'
        raise DataError(Problem(place, message, f"Its columns are {quote_names(sheet.header, 20)}."))
    problems = _unknown(sheet, place, "target", wanted)
    if not problems and len(wanted) == len(sheet.header):
        problems = [Problem(place, f'expected feature columns beside the target in "{sheet.shown}", received none')]
    if problems:
        raise DataError(problems)
    return wanted


def _find_beside(sheet: Sheet, request: SourceRequest, targets: Sequence[str]) -> dict[RowRole, str]:
    """The columns that say something of their rows, by what they say."""
    problems = []
    for role, name in request.beside.items():
        place = request.place_of(role)
        problems += _unknown(sheet, place, KEY_OF_ROLE[role], [name])
        if name in targets:
            problems.append(Problem(place, f"expected another column than the target, received {quote(name)}"))
    if problems:
        raise DataError(problems)
    return dict(request.beside)


def _find_features(sheet: Sheet, request: SourceRequest, others: set[str]) -> list[str]:
    """The names of the columns to learn from."""
    section, place = request.section, request.place
    asked: dict[str, Sequence[str]] = {
        "columns": section.columns or (),
        "drop": section.drop or (),
        "dates": tuple(section.dates or ()),
        "target_encode": section.target_encode or (),
        "text": tuple(name for name in section.text or () if name not in others),
    }
    problems = [problem for key, names in asked.items() for problem in _unknown(sheet, place, key, names)]
    targets = {name for names in section.targets.values() for name in names}
    problems += [
        Problem(place, f"expected {key} without the target, received {quote(name)}")
        for key, names in asked.items()
        for name in names
        if name in targets
    ]
    if problems:
        raise DataError(problems)
    left_out = {*others, *asked["drop"]}
    chosen = [name for name in section.columns or sheet.header if name not in left_out]
    if not chosen:
        raise DataError(Problem(place, f'expected a column of "{sheet.shown}" to learn from, received none'))
    return list(dict.fromkeys(chosen))


def _unknown(sheet: Sheet, place: str, key: str, names: Sequence[str]) -> list[Problem]:
    number, known = "a column" if key in _SINGLE else "columns", set(sheet.header)
    return [
        Problem(
            place,
            f'expected {key} to name {number} of "{sheet.shown}", received {quote(name)}',
            sheet.explain_unknown(name),
        )
        for name in names
        if name not in known
    ]


KEY_OF_ROLE: Mapping[RowRole, str] = {"groups": "groups", "order": "order", "part": "column", "weight": "weight"}
"""What a column says of its rows, to the key of a study file that names it."""

_SINGLE = ("target", *KEY_OF_ROLE.values())


def _date_formats(sheet: Sheet, request: SourceRequest, names: Sequence[str]) -> dict[str, str]:
    """Each of some columns that is of dates, as the study says, to its format."""
    dates = request.section.dates or ()
    given = dict(dates) if isinstance(dates, Mapping) else dict.fromkeys(dates, "")
    formats, problems = dict[str, str](), _unfit_formats(given, request.place)
    if problems:
        raise DataError(problems)
    for name in names:
        if name in given:
            told = given[name] or tell_format(sheet, name)
            if isinstance(told, Problem):
                problems.append(told)
            else:
                formats[name] = told
    if problems:
        raise DataError(problems)
    return formats


def _unfit_formats(given: Mapping[str, str], place: str) -> list[Problem]:
    """Formats of dates that are none."""
    problems = []
    for name, date_format in given.items():
        try:
            read_dates(["x"], date_format or ISO)
        except (LookupError, ValueError, re.error):
            message = f"expected the format of dates in {quote(name)}, received {quote(date_format)}"
            problems.append(Problem(place, message, 'Write it as strptime takes it, as in "%d/%m/%Y".'))
    return problems


def tell_format(sheet: Sheet, name: str) -> str | Problem:
    """The format of a column's dates, or what is wrong with it; of dates that do not all fit one, that of most."""
    texts, place = sheet.texts(name), f"{sheet.shown}, column {quote(name)}"
    found = find_formats(texts)
    if len(found) > 1:
        message = f"expected dates that can be read in one way, received such as {quote(texts[0])}"
        ways = " or ".join(f"data.dates = {{ {quote(name)} = {quote(way)} }}" for way in found)
        return Problem(place, message, f"Set {ways}.")
    if found:
        return found[0]
    closest = closest_format(texts)
    if closest is None:
        message = f"expected dates, all in one format, received {quote(texts[0])}"
        return Problem(place, message, f'Name their format, as in data.dates = {{ {quote(name)} = "%d/%m/%Y" }}.')
    return closest


def _of_feature(name: str, request: SourceRequest, formats: Mapping[str, str]) -> Reading:
    section = request.section
    return Reading(
        "feature",
        may_lack=section.missing != "error",
        may_be_text=True,
        as_text=name in (*(section.target_encode or ()), *(section.text or ())),
        date_format=formats.get(name),
    )


def _of_role(role: RowRole, name: str, formats: Mapping[str, str]) -> Reading:
    return Reading(role, may_mix=role in ("groups", "part"), date_format=formats.get(name))


def _is_empty(column: Array) -> bool:
    if column.dtype == object:
        return all(cell is None for cell in column)
    return column.dtype.kind in "fM" and bool(
        np.isnat(column).all() if column.dtype.kind == "M" else np.isnan(column).all()
    )


def _several_classes(names: Sequence[str], place: str) -> Problem:
    message = f"expected a single target column for classification, or one-hot columns, received {quote_names(names)}"
    return Problem(place, message, "Several class targets are not available yet.")


def _read_target(
    columns: list[Array], names: list[str], task: TaskName | None, place: str
) -> tuple[Array, tuple[str, ...]]:
    """The target, its dtype telling the task: text and int64 are classes, float64 a quantity."""
    if len(columns) > 1:
        return _read_targets(columns, names, task, place)
    column = columns[0]
    if column.dtype.kind == "U" or task is not None or not is_coded(column):
        return column, ()
    different = len(np.unique(column))
    if different == 2:
        return column.astype(np.int64), ()
    note = (
        f'The target "{names[0]}" holds {different} different whole numbers and is taken for classes; '
        'set task = "regression" if it is a quantity.'
    )
    return column.astype(np.int64), (note,)


def _read_targets(
    columns: list[Array], names: list[str], task: TaskName | None, place: str
) -> tuple[Array, tuple[str, ...]]:
    """Several columns: quantities, or one-hot classes where the study says that they are classes."""
    text = [name for name, column in zip(names, columns, strict=True) if column.dtype.kind == "U"]
    if text and task == "regression":
        raise DataError(Problem(place, f"expected targets of numbers, received text in {quote_names(text)}"))
    if text:
        raise DataError(_several_classes(names, place))
    values = np.column_stack(columns)
    if task != "classification":
        return values, ()
    if not is_one_hot(values):
        raise DataError(_several_classes(names, place))
    note = f"The targets {quote_names(names)} are taken for {len(names)} classes: each row has a single 1 among them."
    return np.array(names)[values.argmax(axis=1)], (note,)
