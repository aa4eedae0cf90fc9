"""The data of a study that is drafted: one way to read rows, whatever the model is.

Only what the input of the user's model forces differs, and the study file then says so.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from search.data import (
    Dataset,
    HoldoutValidation,
    KFoldValidation,
    encoded_shape,
    is_table,
    read_data,
    split_rows,
    suit_columns,
    suit_file,
)
from search.errors import DataError, Problem, UsageError
from search.models import FAMILIES, SavedModel, read_saved
from search.preparation.offers import size_of
from search.spec import DataSection, SplitSection, StudySection

_PICTURE = (64, 64, 3)


@dataclass(frozen=True)
class Draft:
    """What a study is drafted for.

    Args:
        folder: Where the study file is to stand: every path in it is relative to this folder.
        model: A family, `FILE.keras` or `FILE.py:function`; the file relative to the working directory.
        data: A csv or npz file, relative to the working directory.
        target: csv: the columns to predict.
        name: Name of the study; letters that a name cannot hold become `_`.
        prefix: Stands before `model` and `data` where problems name them: `--` for options; empty for arguments of a
            Python function.
        training: Keys of [training] that are given, whatever the model was compiled with.
        weight: The column that says how much each row counts; None for none.
        column: The column that divides the rows; None for none.
        custom: The file that defines what in the model is not Keras' own, relative to the working directory; None for
            none.
        output: Of several outputs the one that the study is about; None for the first one of the data.
        given: Keys of [data] that are given, whatever suits the rows.
        test: Rows that are sealed, a share or a count; None for what suits their number.
        seed: The study's seed; None for the default.
    """

    folder: Path
    model: str
    data: Path
    target: tuple[str, ...] = ()
    name: str = "study"
    prefix: str = "--"
    training: Mapping[str, Any] = field(default_factory=dict)
    weight: str | None = None
    column: str | None = None
    custom: str | None = None
    output: str | None = None
    given: Mapping[str, Any] = field(default_factory=dict)
    test: float | None = None
    seed: int | None = None

    def read(self, section: DataSection) -> Dataset:
        """The rows of a [data] table."""
        split = SplitSection(column=self.column)
        return read_data(
            section,
            self.folder,
            self.place("data"),
            own_model=self.model not in FAMILIES,
            split=split,
            output=self.output,
            objective_place=self.place("data"),
        )

    def place(self, *key: str) -> str:
        """What the user gave that a key of the study comes from."""
        return f"{self.prefix}{'model' if key[0] in ('model', 'space') else 'data'}"

    def split(self, dataset: Dataset) -> SplitSection:
        """The finest division of rows for which every part has rows of every class.

        With too few rows for any division of the others none are sealed, and then the rows that score stop runs, too.
        """
        if self.column is not None:
            return SplitSection(column=self.column)
        known: Mapping[str, Any] = {} if self.test is None else {"test": self.test}
        *finer, coarsest = _divisions(len(dataset))
        for split in finer:
            with contextlib.suppress(DataError):
                split_rows(dataset, split, self.known_seed)
                return split.model_copy(update=known)
        return coarsest.model_copy(update=known)

    @property
    def known_seed(self) -> int:
        """The seed of the study."""
        return StudySection.model_fields["seed"].default if self.seed is None else self.seed


def _divisions(n_rows: int) -> Iterator[SplitSection]:
    """Divisions of so many rows, from the finest to the coarsest."""
    folds = size_of(n_rows).folds
    validations: list[KFoldValidation | HoldoutValidation] = [
        *(KFoldValidation(method="kfold", folds=number) for number in (5, 3, 2) if number <= folds),
        HoldoutValidation(method="holdout", fraction=0.2),
        HoldoutValidation(method="holdout", fraction=0.5),
    ]
    shares: list[tuple[float, float | Literal["validation"]]] = [(0.2, 0.2), (0, 0.2), (0, "validation")]
    for test, stop in shares:
        for validation in validations:
            yield SplitSection(test=test, validation=validation, stop=stop)


@dataclass(frozen=True, eq=False)
class DraftedData:
    """The [data] table of a drafted study and its rows.

    Args:
        draft: What the study is drafted for.
        section: The table.
        dataset: All rows, as they are read with it.
        reasons: Key to why the table has it; of the key `""` what the file says of the table as a whole.
    """

    draft: Draft
    section: DataSection
    dataset: Dataset
    reasons: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def development(self) -> Dataset:
        """The rows that are not sealed, which tell the inputs of a table; all where they cannot be divided."""
        split = self.draft.split(self.dataset)
        with contextlib.suppress(DataError):
            return self.dataset.take(split_rows(self.dataset, split, self.draft.known_seed).development)
        return self.dataset

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """The shape of one row as the model is given it."""
        return encoded_shape(self.development if is_table(self.dataset.features) else self.dataset)

    def changed(self, **keys: Any) -> DraftedData:
        """The rows as they are read with other keys."""
        section = self.section.model_copy(update=keys)
        reasons = {key: reason for key, reason in self.reasons.items() if key not in keys}
        return DraftedData(self.draft, section, self.draft.read(section), reasons)


def draft_data(draft: Draft) -> DraftedData:
    """The data of a study, as it suits the rows.

    Raises:
        UsageError: It is data of no known kind.
        DataError: It cannot be read.
    """
    if draft.data.is_dir():
        section = DataSection(source="images", path=relative(draft.data, draft.folder), shape=_picture_shape(draft))
        why = {"shape": "height, width and channels that pictures are brought to"}
        return DraftedData(draft, section, draft.read(section), why)
    suffix = draft.data.suffix.lower()
    if suffix not in (".csv", ".parquet", ".npz"):
        message = f'expected a file that ends in .csv, .parquet or .npz, received "{draft.data}"'
        raise UsageError(Problem(draft.place("data"), message))
    section = DataSection(
        source=suffix.removeprefix("."),
        path=relative(draft.data, draft.folder),
        target=(draft.target[0] if len(draft.target) == 1 else draft.target) if draft.target else None,
        weight=draft.weight,
    )
    section = section.model_copy(update=dict(draft.given))
    written, why = suit_file(section, draft.folder, draft.place("data"))
    section = section.model_copy(update={key: value for key, value in written.items() if key not in draft.given})
    dataset = draft.read(section)
    told, reasons = suit_columns(dataset)
    told = {key: value for key, value in told.items() if key not in draft.given}
    if not told:
        return DraftedData(draft, section, dataset, why)
    section = section.model_copy(update=told)
    return DraftedData(
        draft, section, draft.read(section), {**why, **{key: reasons[key] for key in told if key in reasons}}
    )


def relative(file: Path, folder: Path) -> str:
    """A file as a study file in a folder names it."""
    return Path(os.path.relpath(file, folder)).as_posix()


def _picture_shape(draft: Draft) -> tuple[int, ...]:
    """What the model takes where its file says so; else pictures of 64 by 64 in color."""
    if draft.model.endswith(".keras") and Path(draft.model).is_file() and draft.custom is None:
        wanted = read_saved(Path(draft.model).read_bytes(), draft.place("model")).inputs[0][1]
        if len(wanted) in (2, 3) and None not in wanted:
            return tuple(size for size in wanted if size is not None)
    return _PICTURE


def fit_data(drafted: DraftedData, saved: SavedModel | None) -> DraftedData:
    """The data as the input of the user's model takes it, told in the study file; as it is where nothing fits.

    Args:
        drafted: What suits the rows.
        saved: The user's model; None for a family's.
    """
    if saved is None or not is_table(drafted.dataset.features) or len(saved.inputs) != 1:
        return drafted
    if saved.texts:  # a column of text is no set of categories here, and another text in each row is no identifier
        return drafted.changed(**dict.fromkeys(_OF_CATEGORIES - drafted.draft.given.keys()))
    n_suiting = drafted.shape[0]
    if takes(saved, n_suiting):
        return drafted
    ways = [way for way in _WAYS if way.differs(drafted)]
    for number in range(1, len(ways) + 1):
        for chosen in itertools.combinations(ways, number):
            fitted = drafted.changed(**{way.key: way.value for way in chosen})
            if takes(saved, fitted.shape[0]):
                done = "; ".join(way.in_words(drafted) for way in chosen)
                told = f"The model takes {fitted.shape[0]} inputs, not the {n_suiting} that suit the table: {done}."
                return replace(fitted, reasons={**fitted.reasons, "": told})
    return drafted


_OF_CATEGORIES = frozenset({"drop", "dates", "min_frequency"})


@dataclass(frozen=True)
class _Way:
    """One way to make another number of inputs of a table.

    Args:
        key: The key of [data].
        value: What it is then.
    """

    key: str
    value: Any = None

    def differs(self, drafted: DraftedData) -> bool:
        """Whether it makes another number of inputs, and the caller has not said otherwise."""
        current = getattr(drafted.section, self.key)
        return self.key not in drafted.draft.given and current is not None and current != self.value

    def in_words(self, drafted: DraftedData) -> str:
        """What it does."""
        match self.key:
            case "drop":
                return f"{', '.join(drafted.section.drop or ())} stays, though it looks like an identifier"
            case "missing":
                return "no input says where cells are missing"
        return "rare categories are not put together"


_WAYS = (_Way("missing", "impute"), _Way("drop"), _Way("min_frequency"))
"""What the input of a model may force, the least harmful first."""


def takes(saved: SavedModel, n_inputs: int) -> bool:
    """Whether a model of one input takes rows of so many numbers, which may be given its shape."""
    wanted = saved.input_shape
    return wanted[0] in (None, n_inputs) if len(wanted) == 1 else filled_shape(wanted, n_inputs) is not None


def filled_shape(wanted: tuple[int | None, ...], n_columns: int) -> tuple[int, ...] | None:
    """A model's shape with its one open size filled in; None for vectors, and where the columns do not fit."""
    n_known = math.prod(size for size in wanted if size is not None)
    n_open = wanted.count(None)
    if len(wanted) < 2 or n_open > 1 or n_columns % n_known or (n_open == 0 and n_columns != n_known):
        return None
    return tuple(n_columns // n_known if size is None else size for size in wanted)
