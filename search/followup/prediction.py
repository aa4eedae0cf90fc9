"""Predictions of an exported model: rows of a file in, the same rows with what the model says of them out."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from search.data import (
    InputShapes,
    NamedArrays,
    NewRows,
    RowForm,
    SourceModule,
    read_features,
    read_new_rows,
    read_trusted,
)
from search.errors import DataError, Problem, UsageError
from search.models import TrainedModel, probabilities_of
from search.records.csv_text import csv_text
from search.training import start_tensorflow

_MEMBER = "regsearch.json"
_VERSION = 1


@dataclass(frozen=True)
class CardOutput:
    """An output beside the study's.

    Args:
        name: Its name.
        classes: The label of each class index; empty for a regression.
        link: What makes probabilities of it, where it gives something else.
    """

    name: str
    classes: tuple[str, ...] = ()
    link: Any = None


@dataclass(frozen=True)
class ModelCard:
    """What an exported model does not say itself, kept in its file beside what Keras keeps there.

    Args:
        classes: The label of each class index; empty for a regression.
        targets: Names of the target columns; empty where there are none.
        form: How the rows of its table are written; None for a model that takes arrays.
        inputs: Name of each of several inputs, and the shape of one row of it; empty where there is but one.
        columns: Of a table whose columns were made arrays of inputs, the columns of each; of one input they are its
            only entry.
        link: What makes probabilities of its outputs, where it takes arrays and gives something else.
        threshold: Of two classes, the probability of the second above which it is the one predicted.
        ensemble: Of a mean of several trials, which these are, and what it is estimated to score, JSON-ready.
        output: Name of the study's output, where there are others.
        beside: The others.
    """

    classes: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    form: RowForm | None = None
    link: Any = None
    threshold: float = 0.5
    ensemble: Mapping[str, Any] | None = None
    inputs: InputShapes = ()
    columns: Mapping[str, Sequence[str]] = field(default_factory=dict)
    output: str = ""
    beside: tuple[CardOutput, ...] = ()

    def write(self, path: Path) -> None:
        """Put the card into a `.keras` file, which Keras loads as before.

        Raises:
            OSError: The file cannot be written.
        """
        form = None if self.form is None else self.form.to_json()
        document = {"version": _VERSION, "classes": list(self.classes), "targets": list(self.targets)}
        document |= {"rows": form, "link": self.link, "threshold": self.threshold}
        if self.ensemble is not None:
            document["ensemble"] = self.ensemble
        if self.inputs:
            document["inputs"] = self.inputs
        if self.columns:
            document["columns"] = dict(self.columns)
        if self.beside:
            document["outputs"] = [self.output, [[each.name, each.classes, each.link] for each in self.beside]]
        with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(_MEMBER, json.dumps(document, indent=2))

    @classmethod
    def read(cls, path: Path) -> ModelCard:
        """The card of a model; an empty one for a file that has none.

        Raises:
            UsageError: There is no such file, or its card is of a version that we do not know.
        """
        try:
            with zipfile.ZipFile(path) as archive:
                if _MEMBER not in archive.namelist():
                    return cls()
                document = json.loads(archive.read(_MEMBER))
        except (OSError, zipfile.BadZipFile, ValueError) as error:
            reason = getattr(error, "strerror", None) or "no .keras file"
            raise UsageError(Problem(str(path), f"expected a model in a .keras file, received {reason}")) from error
        if document.get("version") != _VERSION:
            received = document.get("version")
            raise UsageError(Problem(str(path), f"expected a card of version {_VERSION}, received {received}"))
        form = document["rows"] and RowForm.from_json(document["rows"])
        classes, targets = tuple(document["classes"]), tuple(document["targets"])
        inputs = tuple((name, tuple(shape)) for name, shape in document.get("inputs", ()))
        output, beside = document.get("outputs", ("", ()))
        return cls(
            classes,
            targets,
            form,
            document["link"],
            document["threshold"],
            document.get("ensemble"),
            inputs,
            document.get("columns", {}),
            output,
            tuple(CardOutput(name, tuple(known), link) for name, known, link in beside),
        )


@dataclass(frozen=True)
class Predictions:
    """Rows and what a model says of them.

    Args:
        header: Names of the columns: those of the rows, then those of the predictions.
        rows: Cells, row by row.
    """

    header: list[str]
    rows: list[list[str]] = field(repr=False)

    def to_csv(self) -> str:
        """The table as CSV text with a header line; cells of text cannot become formulas, as `csv_text` tells."""
        return csv_text(self.header, self.rows)


def predict_rows(model: Path, rows: Path, custom: Path | None = None) -> Predictions:
    """What an exported model predicts of the rows of a file.

    Args:
        model: A `.keras` file that `regsearch export` wrote, or any other that takes rows of numbers.
        rows: A CSV file with the columns that the model's study learned from; others are passed on. Or an NPZ file with
            the array `x`, or with one for each input, `x_NAME`.
        custom: The Python file that defines what in the model is not Keras' own; None for none.

    Returns:
        The rows, with the predicted class and the probability of each, or with the predicted numbers.

    Raises:
        UsageError: The model cannot be read.
        StudyFileError: `custom` is not trusted.
        DataError: The rows cannot, or the model does not take them.
    """
    card = ModelCard.read(model)
    module = None if custom is None else read_trusted(custom.name, custom.parent, "--custom")
    if rows.suffix == ".npz" and (card.form is None or card.columns):
        return _predict_arrays(model, rows, card, module)
    read = read_new_rows(rows, card.form)
    start_tensorflow()
    trained = TrainedModel(model, module)
    if card.form is None and card.inputs:
        example = ", ".join(f"x_{name}=..." for name, _ in card.inputs)
        message = "expected an NPZ file with an array for each input of the model, received a table"
        raise UsageError(Problem(str(rows), message, f"Save it as numpy.savez(path, {example})."))
    if card.form is None and trained.columns is not None:
        message = "expected a model with the card that regsearch export puts into it, received one without"
        raise UsageError(Problem(str(model), message, "Export it again; a model that Keras saved anew has lost it."))
    outputs = trained.predict(_fed(read, card, trained, rows), card.link)
    names, columns = _told(outputs, card)
    header = [*read.header, *_fresh(names, read.header)]
    return Predictions(
        header, [[*cells, *said] for cells, said in zip(read.cells, zip(*columns, strict=True), strict=True)]
    )


def _fed(read: NewRows, card: ModelCard, trained: TrainedModel, rows: Path) -> Mapping[str, Any] | npt.NDArray[Any]:
    """The rows of a table as the model takes them."""
    if card.form is None:
        return _matrix(read, trained, rows)
    if not card.columns:
        return read.columns
    arrays = {}
    for name, columns in card.columns.items():
        cells = np.column_stack([read.columns[column] for column in columns])
        arrays[name] = cells.astype(str) if cells.dtype.kind in "OU" else cells.astype(np.float32)
    return arrays if card.inputs else next(iter(arrays.values()))


def _predict_arrays(model: Path, rows: Path, card: ModelCard, module: SourceModule | None) -> Predictions:
    """What a model predicts of arrays, which have no columns that could stand beside it."""
    features = read_features(rows)
    start_tensorflow()
    trained, wanted = TrainedModel(model, module), [name for name, _ in card.inputs]
    given = sorted(features.arrays) if isinstance(features, NamedArrays) else ["x"]
    if given != (sorted(wanted) or ["x"]):
        expected = ", ".join(f"x_{name}" for name in wanted) or "x"
        received = ", ".join(f"x_{name}" for name in given) if isinstance(features, NamedArrays) else "x"
        raise DataError(Problem(str(rows), f"expected the arrays {expected}, received {received}"))
    if isinstance(features, NamedArrays):
        shapes = {name: tuple(shape) for name, shape in card.inputs}
        fed: Any = {
            name: _as_rows(array, shapes[name], f"{rows}: x_{name}", text=name in trained.texts)
            for name, array in features.arrays.items()
        }
        if len({len(array) for array in fed.values()}) > 1:
            raise DataError(Problem(str(rows), "expected as many rows in each array, received different numbers"))
    else:
        fed = _as_rows(features, trained.row_shape, f"{rows}: x", text=bool(trained.texts))
    names, columns = _told(trained.predict(fed, card.link), card)
    return Predictions(names, [list(said) for said in zip(*columns, strict=True)])


def _as_rows(array: npt.NDArray[Any], shape: tuple[int | None, ...], place: str, *, text: bool) -> npt.NDArray[Any]:
    """Rows of numbers or of text of a shape; those of shape (1,) may be one each."""
    rows = array[:, None] if array.ndim == 1 and shape == (1,) else array
    fits = rows.ndim == len(shape) + 1 and all(a in (None, b) for a, b in zip(shape, rows.shape[1:], strict=True))
    if not fits or (rows.dtype.kind != "U" if text else rows.dtype.kind not in "biuf"):
        wanted = f"rows of {'text of ' if text else ''}shape {shape}"
        raise DataError(Problem(place, f"expected {wanted}, received {array.shape} of {array.dtype}"))
    return rows if text else rows.astype(np.float32)


def _matrix(read: NewRows, trained: TrainedModel, rows: Path) -> npt.NDArray[np.float32]:
    """All columns as rows of the shape that the model takes."""
    values = np.column_stack(list(read.columns.values())).astype(np.float32)
    wanted = [size if size is not None else -1 for size in trained.row_shape]
    n_numbers = int(np.prod(wanted))
    if wanted.count(-1) > 1 or (n_numbers > 0 and n_numbers != values.shape[1]) or values.shape[1] % abs(n_numbers):
        message = f"expected rows of shape {trained.row_shape}, received {values.shape[1]} columns of numbers"
        raise DataError(Problem(str(rows), message, "Leave other columns, the target among them, out of the file."))
    return values.reshape(len(values), *wanted)


def _told(outputs: dict[str, Any], card: ModelCard) -> tuple[list[str], list[list[str]]]:
    """What is said of each row: names and columns of cells."""
    names, columns = _told_by_study(outputs, card)
    for each in card.beside:
        # As a card of its own would have it, under the output's name.
        further = _of_study(_linked(outputs[each.name], each.link), ModelCard(each.classes))
        names += [
            name.replace("prediction", each.name, 1) if "prediction" in name else f"{each.name}_{name}"
            for name in further[0]
        ]
        columns += further[1]
    return names, columns


def _linked(outputs: npt.NDArray[Any], link: Any) -> npt.NDArray[Any]:
    return np.asarray(probabilities_of(outputs, link))


def _told_by_study(outputs: dict[str, Any], card: ModelCard) -> tuple[list[str], list[list[str]]]:
    if card.output in outputs:
        return _of_study(_linked(outputs[card.output], card.link), card)
    if "label" in outputs:
        labels = [label.decode() if isinstance(label, bytes) else str(label) for label in outputs["label"]]
        return _with_probabilities(labels, outputs["probabilities"], card.classes)
    return _of_study(outputs["prediction"], card)


def _of_study(given: npt.NDArray[Any], card: ModelCard) -> tuple[list[str], list[list[str]]]:
    """What the study's output says of each row."""
    values = given.reshape(len(given), -1)
    if not card.classes:
        targets = card.targets if len(card.targets) == values.shape[1] else range(1, values.shape[1] + 1)
        names = ["prediction"] if values.shape[1] == 1 else [f"prediction_{name}" for name in targets]
        return names, [_cells(values[:, position]) for position in range(values.shape[1])]
    if len(card.classes) == 2:
        values = np.column_stack([1 - values[:, -1], values[:, -1]])
        chosen = (values[:, 1] > card.threshold).astype(int)
    else:
        chosen = values.argmax(axis=1)
    labels = [card.classes[index] for index in chosen]
    return _with_probabilities(labels, values, card.classes)


def _with_probabilities(
    labels: list[str], probabilities: npt.NDArray[np.float32], classes: Sequence[str]
) -> tuple[list[str], list[list[str]]]:
    known = classes or [str(index) for index in range(probabilities.shape[1])]
    names = ["prediction", *(f"probability_{label}" for label in known)]
    return names, [labels, *(_cells(probabilities[:, index]) for index in range(len(known)))]


def _cells(values: npt.NDArray[Any]) -> list[str]:
    """Numbers as text that reads back as the same number."""
    return [str(value) for value in values]


def _fresh(names: Sequence[str], taken: Sequence[str]) -> list[str]:
    """Names that no column of the rows has."""
    fresh = []
    for name in names:
        while name in taken:
            name += "_"
        fresh.append(name)
    return fresh
