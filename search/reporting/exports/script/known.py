"""What is known of the rows of a study: what its record says, and of a table what its columns hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from search.coordination.entry import fingerprint_problem
from search.data import Dataset, fit_encoder, read_data, split_rows
from search.data.columns import Block
from search.data.stored_rows import is_table
from search.errors import UsageError
from search.models import Loss
from search.records import StudyFacts
from search.reporting.exports.chosen import Chosen
from search.spec import DataSection

_TABLES = ("csv", "parquet")
Kind = TypeVar("Kind", bound=Block)


@dataclass(frozen=True)
class Known:
    """What the source is made of.

    Args:
        chosen: The choice of a study.
        loss: What its model is trained with, told what makes probabilities of the model's outputs.
        stops: Whether early stopping watches rows of their own.
        dataset: The study's rows but for sealed ones, read anew; None for arrays, of which the record says enough.
        blocks: Of a table, its columns by kind; what they were fitted on is of no use here.
        columns: Of a table whose numbers are taken as an array, its columns in their order.
    """

    chosen: Chosen
    loss: Loss
    stops: bool
    dataset: Dataset | None = None
    blocks: tuple[Block, ...] = ()
    columns: tuple[str, ...] = ()

    @property
    def data(self) -> DataSection:
        """[data] of the study."""
        return self.chosen.spec.data

    @property
    def facts(self) -> StudyFacts:
        """What its record says of the data."""
        return self.chosen.study.facts

    @property
    def of_columns(self) -> bool:
        """Whether rows are those of a table."""
        return bool(self.blocks or self.columns)

    @property
    def is_csv(self) -> bool:
        """Whether cells are read as text, which says what is missing."""
        return self.data.source == "csv"

    @property
    def beside(self) -> Mapping[str, str]:
        """Columns or arrays that say something of their rows: `weight`, and what tells rows apart that are divided."""
        split = self.chosen.spec.split
        named = {"weight": self.data.weight, "part": split.column, "order": split.order, "groups": split.groups}
        told = {role: name for role, name in named.items() if name is not None}
        dividing = [role for role in told if role != "weight"][:1]
        return {role: name for role, name in told.items() if role == "weight" or role in dividing}

    @property
    def dividing(self) -> str:
        """What tells rows apart that are divided: `part`, `order` or `groups`; empty where they are drawn."""
        return next((role for role in self.beside if role != "weight"), "")

    def block(self, kind: type[Kind]) -> Kind | None:
        """The columns of a kind; None where there are none."""
        return next((block for block in self.blocks if isinstance(block, kind)), None)


def know_rows(chosen: Chosen, loss: Loss, *, stops: bool) -> Known:
    """What is known of the rows of a study; those of a table are read anew from where they were.

    Args:
        chosen: Its choice.
        loss: As in `Known`.
        stops: As in `Known`.

    Raises:
        UsageError: The data is not what it was.
        DataError: It cannot be read.
    """
    data, facts = chosen.spec.data, chosen.study.facts
    if not (facts.inputs or data.inputs or data.source in _TABLES or chosen.spec.split.column):
        return Known(chosen, loss, stops)
    dataset = _read_again(chosen)
    if is_table(dataset.features):
        blocks = fit_encoder(dataset, np.arange(len(dataset))).blocks or ()
        return Known(chosen, loss, stops, dataset, blocks)
    columns = tuple(name for _, names in dataset.made_of for name in names)
    if not columns and data.source in _TABLES:
        as_table = data.model_copy(update={"shape": None, "standardize": None})
        table = read_data(as_table, _folder(chosen), split=chosen.spec.split).features
        columns = tuple(table.columns) if is_table(table) else ()
    return Known(chosen, loss, stops, dataset, columns=columns)


def _read_again(chosen: Chosen) -> Dataset:
    """The study's rows but for sealed ones."""
    study, spec, folder = chosen.study, chosen.spec, _folder(chosen)
    place = f"{study.name} [data]"
    dataset = read_data(
        spec.data,
        folder,
        place,
        own_model=spec.model.family is None,
        split=spec.split,
        split_place=f"{study.name} [split]",
        output=spec.objective.main_output,
    )
    remedy = f"Put back what the study was begun with in {folder}."
    if problem := fingerprint_problem(place, "data", study.data_sha256, dataset.sha256, remedy):
        raise UsageError(problem)
    return dataset.take(split_rows(dataset, spec.split, spec.study.seed, f"{study.name} [split]").development)


def _folder(chosen: Chosen) -> Path:
    return Path(chosen.study.facts.folder or ".")
