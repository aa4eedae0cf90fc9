"""`split_rows`: which rows stay sealed, which train, stop and score."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from search.data.dataset import Dataset, row_keys
from search.data.draws import Columns, Draw, Positions, check_classes, derive_seed
from search.data.parts import Parts
from search.data.splitters import Development, find_splitter
from search.data.wording import count, keep_first
from search.errors import DataError, Problem
from search.records import Purpose
from search.records.wording import EQUAL_ROWS
from search.spec.sections import SplitSection

_TEST, _VALIDATION, _STOP, _AGAIN = range(4)  # what a seed is for: two draws never share random numbers


@dataclass(frozen=True, eq=False)
class Fold:
    """One way to divide the development rows; positions count from 0 within them and ascend.

    Args:
        number: Index of the fold among those of its purpose, from 0; it counts through the repeats of k-fold.
        train: Rows that train, int64, shape (n,); the stop rows are not among them.
        stop: Rows that early stopping watches; equal to `validation` when the study says so.
        validation: Rows that score.
        purpose: What its runs are trained for.
    """

    number: int
    train: Positions
    stop: Positions
    validation: Positions
    purpose: Purpose = Purpose.SEARCH


@dataclass(frozen=True, eq=False)
class Splits:
    """All divisions of a data set.

    Args:
        development: Positions in the data set of all rows that are not sealed, ascending, int64, shape (n,).
        test: Positions of the sealed rows, ascending; empty when there are none.
        folds: Divisions of the development rows.
        notes: How many equal rows stand on both sides of a division, one sentence each.
    """

    development: Positions
    test: Positions
    folds: tuple[Fold, ...]
    notes: tuple[str, ...] = ()


def split_rows(dataset: Dataset, section: SplitSection, seed: int, place: str = "[split]") -> Splits:
    """Seal the test rows, then divide the others into folds; the same arguments give the same rows.

    Draws are stratified for classification. A share of n rows is rounded to the nearest count, 1 at least. No group
    of the data set stands in two parts; where it has an order, training rows come first, then stop rows, then those
    that score, then those that are sealed.

    Args:
        dataset: The whole data set.
        section: The [split] table.
        seed: The study's seed, in [0, 2**31).
        place: Where the table stands, for errors.

    Raises:
        DataError: A part would be empty or would lack a class, there are fewer rows than folds, or groups and order
            allow no such division.
    """
    development = np.arange(len(dataset), dtype=np.int64)
    test, parts = development[:0], None
    if dataset.part is not None:
        parts = Parts.read(dataset.part, f"{place} column")
        development, test = parts.development, parts.test
    elif section.test:
        draw = Draw(f"{place} test", "test", "development", "Change split.test.")
        seed_of_test = derive_seed(seed, _TEST)
        development, test = draw.divide(development, Columns.of(dataset), section.test, seed_of_test)
    columns = Columns.of(dataset.take(development))
    folds = _Folds(columns, section, seed, place, parts and parts.take(development)).make()
    keys = row_keys(dataset)
    notes = (*_note_sealed(keys[test], keys[development]), *_note_duplicates(keys[development], folds))
    return Splits(development, test, folds, notes)


def redraw_folds(dataset: Dataset, section: SplitSection, seed: int, repeat: int) -> tuple[Fold, ...]:
    """Other divisions of the development rows than the search's, as many as a trial is scored by.

    Where rows score in an order, by their place or by the user's own column, the same ones score again; stop rows are
    drawn anew where they are drawn.

    Args:
        dataset: The development rows.
        section: The [split] table.
        seed: The study's seed.
        repeat: Which of all redraws, from 0; it decides the draw.

    Returns:
        Folds of the purpose CONFIRMATION, whose numbers count through the repeats.

    Raises:
        DataError: This draw leaves a part without a class, as may happen where groups stay together.
    """
    parts = None if dataset.part is None else Parts.read(dataset.part, "[split] column")
    folds = _Folds(Columns.of(dataset), section, derive_seed(seed, _AGAIN, repeat), "[split]", parts).make()
    first = repeat * len(folds)
    return tuple(replace(fold, number=first + fold.number, purpose=Purpose.CONFIRMATION) for fold in folds)


def scores_other_rows(dataset: Dataset, section: SplitSection) -> bool:
    """Whether `redraw_folds` chooses other rows that score: not where an order or the user's column tells them."""
    return dataset.part is None and dataset.order is None and find_splitter(section.validation, "[split]")[0].is_drawn


def draw_stop_rows(dataset: Dataset, section: SplitSection, seed: int) -> tuple[Positions, Positions]:
    """The other rows and the stop rows of a run that trains on all there are.

    Args:
        dataset: Rows that are not sealed.
        section: The [split] table; where the rows that score are those that stop, its default share is drawn.
        seed: The study's seed.

    Raises:
        DataError: A part would be empty or would lack a class.
    """
    share = SplitSection().stop if section.stop == "validation" else section.stop
    draw = Draw("[split] stop", "stop", "other training", "Change split.stop.")
    rows = np.arange(len(dataset), dtype=np.int64)
    if dataset.part is not None and len(stop := Parts.read(dataset.part, "[split] column").of("stop")):
        return np.setdiff1d(rows, stop), stop
    return draw.divide(rows, Columns.of(dataset), float(share), derive_seed(seed, _STOP))


@dataclass(frozen=True, eq=False)
class _Folds:
    """Divides development rows into folds as the [split] table says."""

    columns: Columns
    section: SplitSection
    seed: int
    place: str
    parts: Parts | None = None

    def make(self) -> tuple[Fold, ...]:
        """The folds, each with its stop rows; the problems of all folds are reported together."""
        folds: list[Fold] = []
        problems: list[Problem] = []
        for number, (train, stop, validation) in enumerate(self._divide()):
            try:
                folds.append(self._make_fold(number, train, stop, validation))
            except DataError as error:
                problems.extend(error.problems)
        if problems:
            raise DataError(keep_first(list(dict.fromkeys(problems)), 5))
        return tuple(folds)

    def _divide(self) -> Iterator[tuple[Positions, Positions, Positions]]:
        """Rows that train, rows that stop as far as the user tells them, and rows that score, for each fold."""
        if self.parts is not None:
            yield from self.parts.folds()
            return
        place = f"{self.place} validation"
        splitter, options = find_splitter(self.section.validation, place)
        development = Development(self.columns, derive_seed(self.seed, _VALIDATION), place)
        for train, validation in splitter.divide(options, development):
            yield train, train[:0], validation

    def _make_fold(self, number: int, train: Positions, stop: Positions, validation: Positions) -> Fold:
        parts = ((f"the training rows of fold {number}", train), (f"the validation rows of fold {number}", validation))
        remedy = "Change split.validation, or shuffle the rows of the file."
        if self.parts is not None:
            remedy = "Correct the column."
        check_classes(f"{self.place} {'validation' if self.parts is None else 'column'}", parts, self.columns, remedy)
        if len(stop):
            return Fold(number, train, stop, validation)
        if self.section.stop == "validation":
            return Fold(number, train, validation, validation)
        remedy = 'Change split.stop to another share of the training rows, or set it to "validation".'
        draw = Draw(f"{self.place} stop", "stop", "other training", remedy)
        train, stop = draw.divide(train, self.columns, self.section.stop, derive_seed(self.seed, _STOP, number))
        return Fold(number, train, stop, validation)


def _note_sealed(test: Positions, development: Positions) -> tuple[str, ...]:
    """A note when sealed rows equal development rows; both as keys."""
    shared = int(np.isin(test, development).sum())
    return (f"{EQUAL_ROWS}: {count(shared, 'test row')} and a development row.",) if shared else ()


def _note_duplicates(keys: Positions, folds: tuple[Fold, ...]) -> tuple[str, ...]:
    """A note when rows that score equal rows that train or stop."""
    shared = []
    for fold in folds:
        others = np.setdiff1d(np.union1d(fold.train, fold.stop), fold.validation)
        shared.append(int(np.isin(keys[fold.validation], keys[others]).sum()))
    if not any(shared):
        return ()
    most = count(max(shared), "validation row")
    if len(folds) > 1:
        most = f"up to {most} of a fold ({sum(shared):,} over {len(folds)} folds)"
    return (f"{EQUAL_ROWS}: {most} and a training row.",)
