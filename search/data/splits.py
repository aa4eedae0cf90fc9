"""`split_rows`: which rows stay sealed, which train, stop and score."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from search.data.dataset import Dataset, row_keys
from search.data.draws import Draw, Rows, Strata, check_classes
from search.data.wording import count, keep_first
from search.errors import DataError, Problem
from search.records import Purpose
from search.spec.sections import HeadValidation, HoldoutValidation, KFoldValidation, SplitSection

_TEST, _VALIDATION, _STOP = range(3)  # what a seed is for: two draws never share random numbers


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
    train: Rows
    stop: Rows
    validation: Rows
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

    development: Rows
    test: Rows
    folds: tuple[Fold, ...]
    notes: tuple[str, ...] = ()


def split_rows(dataset: Dataset, section: SplitSection, seed: int, place: str = "[split]") -> Splits:
    """Seal the test rows, then divide the others into folds; the same arguments give the same rows.

    Draws are stratified for classification. A share of n rows is rounded to the nearest count, 1 at least.

    Args:
        dataset: The whole data set.
        section: The [split] table.
        seed: The study's seed, in [0, 2**31).
        place: Where the table stands, for errors.

    Raises:
        DataError: A part would be empty or would lack a class, or there are fewer rows than folds.
    """
    development = np.arange(len(dataset), dtype=np.int64)
    test = development[:0]
    if section.test:
        draw = Draw(f"{place} test", "test", "development", "Change split.test.", dataset.classes)
        strata = dataset.target if dataset.classes else None
        development, test = draw.divide(development, strata, section.test, _derive_seed(seed, _TEST))
    folds = _Splitter(dataset.take(development), section, seed, place).make_folds()
    keys = row_keys(dataset)
    notes = (*_note_sealed(keys[test], keys[development]), *_note_duplicates(keys[development], folds))
    return Splits(development, test, folds, notes)


def draw_stop_rows(dataset: Dataset, section: SplitSection, seed: int) -> tuple[Rows, Rows]:
    """The other rows and the stop rows of a run that trains on all there are.

    Args:
        dataset: Rows that are not sealed.
        section: The [split] table; where the rows that score are those that stop, its default share is drawn.
        seed: The study's seed.

    Raises:
        DataError: A part would be empty or would lack a class.
    """
    share = SplitSection().stop if section.stop == "validation" else section.stop
    draw = Draw("[split] stop", "stop", "other training", "Change split.stop.", dataset.classes)
    rows = np.arange(len(dataset), dtype=np.int64)
    return draw.divide(rows, dataset.target if dataset.classes else None, float(share), _derive_seed(seed, _STOP))


@dataclass(frozen=True)
class _Splitter:
    """Divides development rows into folds as the [split] table says."""

    development: Dataset
    section: SplitSection
    seed: int
    place: str

    def make_folds(self) -> tuple[Fold, ...]:
        """The folds, each with its stop rows; the problems of all folds are reported together."""
        folds: list[Fold] = []
        problems: list[Problem] = []
        for number, (train, validation) in enumerate(self._divide()):
            try:
                folds.append(self._make_fold(number, train, validation))
            except DataError as error:
                problems.extend(error.problems)
        if problems:
            raise DataError(keep_first(list(dict.fromkeys(problems)), 5))
        return tuple(folds)

    @property
    def _strata(self) -> Strata:
        return self.development.target if self.development.classes else None

    def _divide(self) -> Iterator[tuple[Rows, Rows]]:
        """Training rows, the later stop rows among them, and validation rows of each fold."""
        method = self.section.validation
        rows = np.arange(len(self.development), dtype=np.int64)
        if isinstance(method, HoldoutValidation):
            yield self._divide_holdout(rows, method)
        elif isinstance(method, KFoldValidation):
            yield from self._divide_kfold(rows, method)
        else:
            yield self._divide_head(rows, method)

    def _divide_holdout(self, rows: Rows, method: HoldoutValidation) -> tuple[Rows, Rows]:
        remedy = "Change split.validation.fraction."
        draw = Draw(f"{self.place} validation", "validation", "training", remedy, self.development.classes)
        return draw.divide(rows, self._strata, method.fraction, _derive_seed(self.seed, _VALIDATION))

    def _divide_kfold(self, rows: Rows, method: KFoldValidation) -> Iterator[tuple[Rows, Rows]]:
        from sklearn.model_selection import RepeatedKFold, RepeatedStratifiedKFold

        self._check_kfold(rows, method.folds)
        kind = RepeatedKFold if self._strata is None else RepeatedStratifiedKFold
        random_state = _derive_seed(self.seed, _VALIDATION)
        splitter = kind(n_splits=method.folds, n_repeats=method.repeats, random_state=random_state)
        for train, validation in splitter.split(rows, self._strata):
            yield rows[train], rows[validation]

    def _check_kfold(self, rows: Rows, folds: int) -> None:
        place, remedy = f"{self.place} validation", "Lower split.validation.folds."
        if len(rows) < folds:
            message = f"expected at least {folds} rows for {folds} folds, received {len(rows)}"
            raise DataError(Problem(place, message, remedy))
        if self._strata is None:
            return
        members = np.bincount(self._strata, minlength=len(self.development.classes))
        rarest = int(members.argmin())
        if members[rarest] < folds:
            received = f'{members[rarest]} of class "{self.development.classes[rarest]}"'
            message = f"expected at least {folds} rows of every class for {folds} folds, received {received}"
            raise DataError(Problem(place, message, remedy))

    def _divide_head(self, rows: Rows, method: HeadValidation) -> tuple[Rows, Rows]:
        if method.train >= len(rows):
            outside = f"the {count(len(rows), 'row')} outside the test rows"
            message = f"expected train to be less than {outside}, received {method.train}"
            raise DataError(Problem(f"{self.place} validation", message))
        return rows[: method.train], rows[method.train :]

    def _make_fold(self, number: int, train: Rows, validation: Rows) -> Fold:
        classes = self.development.classes
        parts = ((f"the training rows of fold {number}", train), (f"the validation rows of fold {number}", validation))
        remedy = "Change split.validation, or shuffle the rows of the file."
        check_classes(f"{self.place} validation", parts, self._strata, classes, remedy)
        if self.section.stop == "validation":
            return Fold(number, train, validation, validation)
        remedy = 'Change split.stop to another share of the training rows, or set it to "validation".'
        draw = Draw(f"{self.place} stop", "stop", "other training", remedy, classes)
        seed = _derive_seed(self.seed, _STOP, number)
        train, stop = draw.divide(train, self._strata, self.section.stop, seed)
        return Fold(number, train, stop, validation)


def _note_sealed(test: Rows, development: Rows) -> tuple[str, ...]:
    """A note when sealed rows equal development rows; both as keys."""
    shared = int(np.isin(test, development).sum())
    return (f"Equal in features and target: {count(shared, 'test row')} and a development row.",) if shared else ()


def _note_duplicates(keys: Rows, folds: tuple[Fold, ...]) -> tuple[str, ...]:
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
    return (f"Equal in features and target: {most} and a training row.",)


def _derive_seed(*parts: int) -> int:
    return int(np.random.SeedSequence(parts).generate_state(1)[0])
