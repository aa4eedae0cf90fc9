"""`kfold`: every row scores once a repeat."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
from pydantic import Field

from search.data.draws import Positions, derive_seed
from search.data.machine import in_gib, machine_bytes
from search.data.splitters._base import Development, Splitter
from search.errors import DataError, Problem
from search.spec import Validation

_BYTES_OF_A_POSITION, _SHARE_OF_MEMORY = 8, 8
"""Each row has its position in each fold; all of them take so much of the memory at most."""

_LOWER = "Lower split.validation.folds."


class KFoldValidation(Validation, extra="forbid"):
    """Every row scores once a repeat; stratified for classification."""

    method: Literal["kfold"]
    folds: int = Field(default=5, ge=2, description="number of folds")
    repeats: int = Field(default=1, ge=1, le=1000, description="how often the folds are drawn anew")


def _divide(section: KFoldValidation, development: Development) -> Iterator[tuple[Positions, Positions]]:
    _check(section, development)
    if development.columns.order is not None:
        return _expand(section, development)
    if development.columns.groups is not None:
        return _divide_groups(section, development)
    return _divide_rows(section, development)


def _divide_rows(section: KFoldValidation, development: Development) -> Iterator[tuple[Positions, Positions]]:
    from sklearn.model_selection import RepeatedKFold, RepeatedStratifiedKFold

    rows, strata = development.rows, development.columns.strata
    kind = RepeatedKFold if strata is None else RepeatedStratifiedKFold
    splitter = kind(n_splits=section.folds, n_repeats=section.repeats, random_state=development.seed)
    for train, validation in splitter.split(rows, strata):
        yield rows[train], rows[validation]


def _divide_groups(section: KFoldValidation, development: Development) -> Iterator[tuple[Positions, Positions]]:
    """Whole groups score, in proportion to the classes as far as the groups allow it."""
    from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

    rows, columns = development.rows, development.columns
    kind = GroupKFold if columns.strata is None else StratifiedGroupKFold
    for repeat in range(section.repeats):
        splitter = kind(n_splits=section.folds, shuffle=True, random_state=derive_seed(development.seed, repeat))
        for train, validation in splitter.split(rows, columns.strata, columns.groups):
            yield rows[train], rows[validation]


def _expand(section: KFoldValidation, development: Development) -> Iterator[tuple[Positions, Positions]]:
    """In order, each fold scores what follows the rows that it trains on, which are those of the fold before and more.

    The folds are those of scikit-learn's `TimeSeriesSplit`, but for ends that move to the nearest place at which
    neither a group nor rows of equal place are parted.
    """
    rows, cuts = development.columns.order_rows(development.rows)
    folds, n_validation = section.folds, len(rows) // (section.folds + 1)
    if len(cuts) < folds:
        message = f"expected at least {folds + 1} parts to follow one another, received {len(cuts) + 1}"
        raise DataError(Problem(development.place, f"{message} (groups and rows of equal place stay together)", _LOWER))
    ends: list[int] = []
    first = 0
    for fold in range(folds):
        wanted = len(rows) - (folds - fold) * n_validation
        open_cuts = cuts[first : len(cuts) - (folds - fold - 1)]
        nearest = int(np.abs(open_cuts - wanted).argmin())
        ends.append(int(open_cuts[nearest]))
        first += nearest + 1
    for end, following in zip(ends, [*ends[1:], len(rows)], strict=True):
        yield np.sort(rows[:end]), np.sort(rows[end:following])


def _check(section: KFoldValidation, development: Development) -> None:
    place, columns, folds = development.place, development.columns, section.folds
    if len(columns) < folds:
        message = f"expected at least {folds} rows for {folds} folds, received {len(columns)}"
        raise DataError(Problem(place, message, _LOWER))
    needed = _BYTES_OF_A_POSITION * folds * section.repeats * len(columns)
    if needed > (room := machine_bytes() // _SHARE_OF_MEMORY):
        message = (
            f"expected folds that take at most {in_gib(room)}, received {folds * section.repeats:,} of {len(columns):,}"
        )
        raise DataError(Problem(place, f"{message} rows, which take {in_gib(needed)}", "Lower folds or repeats."))
    if columns.order is not None:
        if section.repeats > 1:
            message = f"expected repeats = 1 for rows in order, received {section.repeats}"
            raise DataError(Problem(place, message, "Folds in order are the same each time."))
        return
    if columns.groups is not None and (n_groups := len(np.unique(columns.groups))) < folds:
        message = f"expected at least {folds} groups for {folds} folds, received {n_groups}"
        raise DataError(Problem(place, message, _LOWER))
    if columns.strata is None:
        return
    members = np.bincount(columns.strata, minlength=len(columns.classes))
    rarest = int(members.argmin())
    if members[rarest] < folds:
        received = f'{members[rarest]} of class "{columns.classes[rarest]}"'
        message = f"expected at least {folds} rows of every class for {folds} folds, received {received}"
        raise DataError(Problem(place, message, _LOWER))


KFOLD = Splitter(KFoldValidation, _divide)
