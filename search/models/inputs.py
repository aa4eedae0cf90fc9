"""What happened to rows before they reached a model, and to what it predicts, as layers around it."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from search.data import Encoder, InputShapes, TargetScale
from search.models.losses import Link
from search.models.rebuilding import load_archive
from search.models.saved import SavedModel
from search.models.table_inputs import table_inputs
from search.techniques import RowStep

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class TableEnds:
    """What surrounds a model of a table's rows.

    Args:
        encoder: What made inputs of the columns.
        classes: The label of each class index; empty for a regression.
        link: What makes probabilities of the model's outputs.
        threshold: Of two classes, the probability of the second above which it is the one predicted.
    """

    encoder: Encoder
    classes: tuple[str, ...] = ()
    link: Link | None = None
    threshold: float = 0.5


@dataclass(frozen=True)
class BesideEnd:
    """What surrounds an output that was trained beside the study's.

    Args:
        name: Its name.
        link: What makes probabilities of it.
        target_scale: What its targets had been scaled with.
        classes: The label of each class index; empty for a regression.
    """

    name: str
    link: Link | None = None
    target_scale: TargetScale | None = None
    classes: tuple[str, ...] = ()


def with_ends(
    model: keras.Model,
    steps: Sequence[RowStep],
    shape: tuple[int, ...],
    target_scale: TargetScale | None = None,
    table: TableEnds | None = None,
    beside: Sequence[BesideEnd] = (),
    output: str = "",
) -> keras.Model:
    """A model that takes rows as they were before the steps, and predicts in the target's own unit.

    Args:
        model: A model with one input, and one output or a list of them; it becomes a layer of the new one, with its
            names and weights.
        steps: What was done to rows, in order, once they were encoded.
        shape: Shape of one encoded row.
        target_scale: What the targets that it was trained on had been scaled with.
        table: Of a table: what its columns became, and what is predicted. None for arrays.
        beside: The outputs that the model has behind the study's, in their order.
        output: Name of the study's output, where there are others.

    Returns:
        A model compiled alike, where that one is; the model itself when nothing was done. Of a table's rows it takes a
        dictionary of columns, as `search.models.table_inputs` says; where it predicts classes it is not compiled and
        gives a dictionary: `probabilities`, shape (rows, classes), and `label`, text, shape (rows,). With
        outputs beside it gives a dictionary, too, in which each has its name: of a table probabilities, of arrays what
        the model gives.
    """
    import keras

    if not steps and target_scale is None and table is None and not beside:
        return model
    columns, rows, passed = _begin(shape, table)
    for step in steps:
        for layer in step.layers(shape):
            passed = layer(passed)
    free = FreeNames(columns, model.name)
    if table is not None:
        # A model of its own: whatever names its layers have, columns may have them, too.
        rows = column_inputs(columns, free)
        passed = keras.Model(list(columns.values()), passed, name=free("columns"))(list(rows.values()))
    predicted = model(passed)
    others = dict[str, Any]()
    if beside:
        predicted, *further = predicted
        for end, given in zip(beside, further, strict=True):
            told = _in_own_unit(given, end.target_scale, free(f"{end.name}_own_unit"))
            others[end.name] = told if table is None else linked(told, end.link)
    predicted = _in_own_unit(predicted, target_scale, free("own_unit"))
    if table is not None and table.classes:
        told = {**classified(predicted, table, free), **others}
        return quiet_model(rows, told, f"{model.name}_with_ends")
    if beside:
        return quiet_model(rows, {output: predicted, **others}, f"{model.name}_with_ends")
    return compiled_as(model, quiet_model(rows, predicted, f"{model.name}_with_ends"))


def with_named_inputs(model: keras.Model, inputs: InputShapes) -> keras.Model:
    """A model that takes several inputs by name, in the place of rows in which they stand beside one another.

    Args:
        model: A model of such rows.
        inputs: The inputs.

    Returns:
        A model compiled alike, where that one is.
    """
    import keras

    named = {name: keras.Input(shape, name=name) for name, shape in inputs}
    flat = [
        rows if len(rows.shape) == 2 else keras.layers.Flatten(name=f"{name}_flat")(rows)
        for name, rows in named.items()
    ]
    whole = quiet_model(named, model(keras.layers.Concatenate(name="rows_of_inputs")(flat)), f"{model.name}_of_inputs")
    return compiled_as(model, whole)


def with_texts(model: keras.Model, saved: SavedModel, inputs: InputShapes) -> keras.Model:
    """A model that takes text in the place of the numbers that were made of it.

    Args:
        model: A model of these numbers.
        saved: The user's model, whose layers read text.
        inputs: Its inputs, which the model takes by name; none where it takes the one that there is.

    Returns:
        A model compiled alike, where that one is.
    """
    import keras

    given = load_archive(saved.origin, saved.custom)
    texts = {text.name: text for text in saved.texts}
    named, passed = dict[str, Any](), dict[str, Any]()
    for name, shape in inputs or saved.inputs:
        if name in texts:
            named[name] = keras.Input(texts[name].shape, name=name, dtype="string")
            read = given.get_layer(texts[name].layer)(named[name])
            passed[name] = _sized(read, shape if inputs else saved.inputs[0][1], f"{name}_numbers")
        else:
            named[name] = passed[name] = keras.Input(shape, name=name)
    (first, *_), taken = named.values(), next(iter(passed.values()))
    rows, taken = (named, passed) if inputs else (first, taken)
    return compiled_as(model, quiet_model(rows, model(taken), f"{model.name}_of_text"))


def _sized(numbers: Any, shape: tuple[int | None, ...], name: str) -> Any:
    """What a layer made of text, in the shape in which it was trained on: filled up with 0, or cut."""
    import keras
    from keras import ops

    if numbers.shape[-1] is None and shape[-1] is not None:
        filling = [[0, 0]] * (len(numbers.shape) - 1) + [[0, shape[-1]]]
        numbers = ops.pad(numbers, filling)[..., : shape[-1]]
    if tuple(numbers.shape[1:]) == tuple(shape):
        return numbers
    # TextVectorization that counts tells of one dimension more than it gives (Keras 3.15).
    return keras.layers.Reshape(shape, name=name)(numbers)


def _begin(shape: tuple[int, ...], table: TableEnds | None) -> tuple[dict[str, Any], Any, Any]:
    """A table's columns, the rows that a model takes, and what goes on."""
    import keras

    if table is None:
        rows = keras.Input(shape)
        return {}, rows, rows
    columns, encoded = table_inputs(table.encoder)
    return columns, columns, encoded


class FreeNames:
    """Names of layers that no column has, and of inputs that no other layer has.

    Args:
        columns: Names of the columns.
        layer: Name of a layer that has one already.
    """

    def __init__(self, columns: Iterable[str], layer: str | None = None) -> None:
        self._taken = {*columns, *([] if layer is None else [layer])}
        self._layer = layer

    def __call__(self, name: str) -> str:
        """A name for a layer."""
        while name in self._taken:
            name += "_"
        self._taken.add(name)
        return name

    def input(self, column: str) -> str:
        """The name of a column's input: the column's own, but for a slash, which would end the name of a layer."""
        return column if "/" not in column and column != self._layer else self(column.replace("/", "_"))


def column_inputs(columns: Mapping[str, Any], free: FreeNames) -> dict[str, Any]:
    """An input for each column, by the column's name; what is given of a column is a tensor of its type."""
    import keras

    return {name: keras.Input((1,), name=free.input(name), dtype=each.dtype) for name, each in columns.items()}


def quiet_model(rows: Any, predicted: Any, name: str) -> keras.Model:
    """A model whose inputs may be named otherwise than its columns, of which Keras warns."""
    import keras

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "When providing `inputs` as a dict", UserWarning)
        return keras.Model(rows, predicted, name=name)


def compiled_as(model: keras.Model, whole: keras.Model) -> keras.Model:
    """The second model, compiled as the first one is."""
    if model.compiled:
        whole.compile_from_config(model.get_compile_config())
        whole.optimizer.build(whole.trainable_variables)
    return whole


def linked(outputs: Any, link: Link | None) -> Any:
    """What a model's outputs say, in float32: what `search.models.losses.probabilities_of` tells, as layers."""
    from keras import ops

    outputs = ops.cast(outputs, "float32")
    if link == "halves":
        return ops.clip((1 + outputs) / 2, 0.0, 1.0)
    return outputs if link is None else {"sigmoid": ops.sigmoid, "softmax": ops.softmax}[link](outputs)


def classified(predicted: Any, table: TableEnds, free: FreeNames) -> dict[str, Any]:
    """Probabilities of all classes, and the label of the one that is predicted, by a layer that is called `classes`."""
    import keras
    from keras import ops

    outputs = keras.Input(predicted.shape[1:])
    probabilities = linked(outputs, table.link)
    if len(table.classes) == 2:
        second = probabilities[:, -1:]
        probabilities = ops.concatenate([1 - second, second], axis=1)
        index = ops.cast(second[:, 0] > table.threshold, "int64")
    else:
        index = ops.argmax(probabilities, axis=1)
    named = keras.layers.StringLookup(vocabulary=list(table.classes), num_oov_indices=0, invert=True, name="label")
    told = {"probabilities": probabilities, "label": named(index)}
    of_rows: dict[str, Any] = keras.Model(outputs, told, name=free("classes"))(predicted)
    return of_rows


def _in_own_unit(predicted: Any, target_scale: TargetScale | None, name: str) -> Any:
    """Numbers in the unit that their targets had before they were scaled."""
    import keras

    if target_scale is None:
        return predicted
    shift, scale = (_by_target(values) for values in (target_scale.mean, target_scale.deviation))
    return keras.layers.Rescaling(scale, shift, name=name, dtype="float32")(predicted)


def _by_target(values: npt.NDArray[np.float64]) -> float | list[float]:
    """A number, or one for each target."""
    numbers: float | list[float] = values.tolist()
    return numbers
