"""The tables of the benchmark, each with a model: some that regularization helps much, some that it hardly does."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Table:
    """A table, and what is trained on it.

    Args:
        name: Its name.
        hidden: Units of the hidden layers.
        epochs: Epochs of a run, at most.
        n_development: Rows that a search has; all others are unseen.
    """

    name: str
    hidden: tuple[int, ...]
    epochs: int
    n_development: int

    def write(self, folder: Path) -> dict[str, Any]:
        """Write the table into a folder; [data] of a study of it."""
        if self.name in ("tips", "gapminder"):
            columns, target = _plotly(self.name)
            with (folder / "rows.csv").open("w", newline="", encoding="utf-8") as file:
                writer = csv.writer(file)
                writer.writerow(columns)
                writer.writerows(zip(*columns.values(), strict=True))
            return {"source": "csv", "path": "rows.csv", "target": target}
        x, y = _arrays(self.name)
        np.savez(folder / "rows.npz", x=x, y=y)
        return {"source": "npz", "path": "rows.npz", "standardize": self.name not in ("digits", "noise")}


TABLES = (
    Table("sonar", (64, 64), 200, 104),
    Table("breast_cancer", (64, 64), 200, 200),
    Table("diabetes", (64, 64), 200, 220),
    Table("digits", (64,), 100, 300),
    Table("gapminder", (32,), 200, 71),
    Table("tips", (16,), 100, 122),
    Table("wine", (16,), 100, 89),
    Table("iris", (16,), 150, 75),
)
"""The first three overfit, the next two a little, the last three hardly."""


def _arrays(name: str) -> tuple[Any, Any]:
    from sklearn import datasets

    if name == "sonar":
        with (HERE / "data" / "sonar.csv").open(encoding="utf-8") as file:
            rows = list(csv.reader(file))[1:]
        return np.array([row[:-1] for row in rows], np.float64), np.array([row[-1] for row in rows])
    x, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    if name == "digits":
        return x[:1500] / 16, y[:1500]
    return x, y


def _plotly(name: str) -> tuple[dict[str, list[Any]], str]:
    import plotly.data

    if name == "tips":
        frame, target = plotly.data.tips(), "tip"
        columns = list(frame.columns)
    else:
        frame, target = plotly.data.gapminder(), "lifeExp"
        frame = frame[frame["year"] == 2007]
        columns = ["continent", "pop", "gdpPercap", "lifeExp"]
    return {name: frame[name].tolist() for name in columns}, target
