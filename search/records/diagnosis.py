"""What the baseline and the choice of a study say of rows: which classes they confuse, how far off numbers are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from search.records.damage import damage_told

DIAGNOSIS_KIND = "diagnosis"
"""The kind of analysis under which the storage keeps it."""

DIAGNOSIS_VERSION = 1
"""Of its documents."""

Pairs = tuple[tuple[float, float], ...]
Numbers = tuple[float, ...]


@dataclass(frozen=True)
class Boundary:
    """What models say of every place of a plane: of rows with two numbers.

    Args:
        names: Of the two columns, the horizontal one first.
        x: Places on the horizontal axis, ascending.
        y: Places on the vertical axis, ascending.
        classes: Trial to the index of the class that is most likely at each place, shape (y, x).
        shares: Trial to how likely that class is, alike.
        rows: Some rows that train: horizontal place, vertical place, and index of the class of each.
    """

    names: tuple[str, str]
    x: Numbers
    y: Numbers
    classes: Mapping[int, tuple[tuple[int, ...], ...]]
    shares: Mapping[int, tuple[Numbers, ...]]
    rows: tuple[tuple[float, float, int], ...]

    def to_json(self) -> dict[str, Any]:
        """The boundary as JSON-ready values."""
        return {
            "names": list(self.names),
            "x": list(self.x),
            "y": list(self.y),
            "classes": {str(trial): [list(line) for line in lines] for trial, lines in self.classes.items()},
            "shares": {str(trial): [list(line) for line in lines] for trial, lines in self.shares.items()},
            "rows": [list(row) for row in self.rows],
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Boundary:
        """The boundary that `to_json` wrote."""
        first, second = document["names"]
        return cls(
            names=(first, second),
            x=tuple(document["x"]),
            y=tuple(document["y"]),
            classes={int(trial): tuple(map(tuple, lines)) for trial, lines in document["classes"].items()},
            shares={int(trial): tuple(map(tuple, lines)) for trial, lines in document["shares"].items()},
            rows=tuple((x, y, int(index)) for x, y, index in document["rows"]),
        )


@dataclass(frozen=True)
class Diagnosis:
    """What the baseline and the choice of a study say of rows that did not train them.

    Args:
        n_trials: Trials that had ended.
        baseline: The baseline's trial; None where it has no score.
        chosen: The trial that was chosen.
        is_confirmed: Whether runs of the confirmation are told of, on fresh divisions of the rows; those of the search
            otherwise.
        n_passes: How often each row was predicted, in the mean over rows: confusions are means over these.
        confusions: Of a classification, trial to a matrix: how many rows of the class whose index is the line's were
            told to be of the class whose index is the column's. The most likely one is told. All rows count alike.
        pairs: Of a regression, trial to some rows, target by target: what the row's number is, and what was predicted
            of it by one run.
        boundary: Of rows with two numbers and classes; None of others.
    """

    n_trials: int
    baseline: int | None
    chosen: int
    is_confirmed: bool
    n_passes: float
    confusions: Mapping[int, tuple[Numbers, ...]]
    pairs: Mapping[int, tuple[Pairs, ...]]
    boundary: Boundary | None = None

    def is_of(self, n_trials: int, chosen: int) -> bool:
        """Whether it tells of this very choice."""
        return (self.n_trials, self.chosen) == (n_trials, chosen)

    def to_json(self) -> dict[str, Any]:
        """The diagnosis as JSON-ready values; `from_json` gives the same one back."""
        return {
            "version": DIAGNOSIS_VERSION,
            "n_trials": self.n_trials,
            "baseline": self.baseline,
            "chosen": self.chosen,
            "is_confirmed": self.is_confirmed,
            "n_passes": self.n_passes,
            "confusions": {str(trial): [list(line) for line in lines] for trial, lines in self.confusions.items()},
            "pairs": {
                str(trial): [[list(pair) for pair in of_target] for of_target in targets]
                for trial, targets in self.pairs.items()
            },
            "boundary": None if self.boundary is None else self.boundary.to_json(),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Diagnosis:
        """The diagnosis that `to_json` wrote.

        Raises:
            ValueError: The document is of another version.
        """
        if document.get("version") != DIAGNOSIS_VERSION:
            message = f"expected a diagnosis of version {DIAGNOSIS_VERSION}, received {document.get('version')!r}"
            raise ValueError(message)
        with damage_told("a diagnosis"):
            boundary = document["boundary"]
            return cls(
                n_trials=document["n_trials"],
                baseline=document["baseline"],
                chosen=document["chosen"],
                is_confirmed=document["is_confirmed"],
                n_passes=document["n_passes"],
                confusions={int(trial): tuple(map(tuple, lines)) for trial, lines in document["confusions"].items()},
                pairs={
                    int(trial): tuple(tuple((told, found) for told, found in of_target) for of_target in targets)
                    for trial, targets in document["pairs"].items()
                },
                boundary=None if boundary is None else Boundary.from_json(boundary),
            )
