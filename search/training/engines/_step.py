"""A training step: from a batch to gradients, and from gradients to weights, with the techniques that act on it.

Programs take every step this way, `fit` those of configurations for which a step of Keras' own would not do.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from search.models import Architecture, is_off, pretrained_kernels, value_or_off, weights_by_path
from search.techniques import (
    TECHNIQUES,
    AveragingTechnique,
    Batch,
    BatchTechnique,
    HeadTechnique,
    PretrainedTechnique,
    StepTechnique,
    Technique,
    WeightTechnique,
    noise,
)
from search.techniques.private import flattened_layers
from search.training.engines._own_draws import draws_repeated

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

    from search.techniques.noise import NoiseKey

Values = Mapping[str, "tf.Tensor | float"]
"""Technique name to its number, a scalar; what is absent, or not a number, is off."""

_KERNELS = ("kernel", "recurrent_kernel")


def step_names(names: Collection[str]) -> tuple[str, ...]:
    """Those of some names whose techniques act on training steps, in the order in which they do."""
    return tuple(name for name, known in TECHNIQUES.items() if name in names and isinstance(known, StepTechnique))


class Gradients(NamedTuple):
    """What came of a batch.

    Args:
        gradients: Of the loss but for the penalties on weights, one for each trainable weight; None for a weight that
            has no part in it.
        data_loss: Sum of the rows' data losses times their weights, float32.
        loss: Mean of these, the head's loss and the penalties on activations together, float32.
    """

    gradients: list[tf.Tensor | None]
    data_loss: tf.Tensor
    loss: tf.Tensor


class TrainingStep:
    """The training steps of one model.

    The regularizers of its weights are taken out of the model: their penalties are computed here, at the weights
    themselves, wherever techniques have moved the weights that the loss is computed at. Penalties that layers have on
    their activations become means over the rows that count.

    Args:
        model: The model, which returns predictions, or a list of these and of what else `plain` predicts.
        optimizer: Its optimizer, built for the model's trainable weights.
        plain: What the model is, for its losses.
        names: Techniques that the steps have to know, on or off; see `step_names`. Others are no part of them.
        pretrained: Layers whose weights are from the user's file, or were at first.
    """

    def __init__(
        self,
        model: keras.Model,
        optimizer: keras.Optimizer,
        plain: Architecture,
        names: Collection[str],
        pretrained: Collection[str] = (),
    ) -> None:
        import keras

        acting = [TECHNIQUES[name] for name in step_names(names)]
        self._model, self._optimizer = model, optimizer
        self._variables: list[keras.Variable] = model.trainable_variables
        self._penalties = [variable.regularizer for variable in self._variables]
        for variable in self._variables:
            variable.regularizer = None
        _penalize_counting_rows(model)
        self._on_batches = [known for known in acting if isinstance(known, BatchTechnique)]
        self._on_weights = [known for known in acting if isinstance(known, WeightTechnique)]
        self._of_heads = [known for known in acting if isinstance(known, HeadTechnique)]
        # Techniques that mix labels need a loss that takes probabilities; without them class indices are cheaper.
        self._loss = (plain.loss.softened if self._on_batches else plain.loss).make()
        self._n_outputs: int = model.outputs[0].shape[-1]
        head = plain.auxiliary if self._of_heads else None
        self._auxiliary_loss: Any = None if head is None else keras.losses.get(head.loss)
        self._beside = [
            (each.name, replace(each.loss.softened, weight=1.0).make(), each.loss.weight) for each in plain.beside
        ]
        self._of_file = [known for known in acting if isinstance(known, PretrainedTechnique)]
        of_file = pretrained_kernels(model, plain, pretrained) if self._of_file else {}
        self._pretrained = [
            None if id(variable) not in of_file else keras.Variable(of_file[id(variable)], trainable=False, name="file")
            for variable in self._variables
        ]
        self._averages = [
            (known, [keras.Variable(variable.numpy(), trainable=False, name="average") for variable in self._variables])
            for known in acting
            if isinstance(known, AveragingTechnique)
        ]
        trainable = {id(variable) for variable in self._variables}
        self._kernels = {
            path: variable
            for path, variable in weights_by_path(model).items()
            if self._on_weights and id(variable) in trainable and path.rpartition("/")[2] in _KERNELS
        }

    @property
    def averages(self) -> list[keras.Variable]:
        """What steps assign beside the variables of the model and its optimizer."""
        return [average for _, averages in self._averages for average in averages]

    def gradients(self, batch: Batch, values: Values, key: NoiseKey) -> Gradients:
        """Forward and backward.

        The loss is that of Keras' `fit` with `sample_weight`: losses times weights, over the number of rows that count.

        Args:
            batch: Its rows, with targets as the plain loss takes them.
            values: The techniques' numbers; those of layers are in the model already.
            key: The step's key for noise.
        """
        import tensorflow as tf

        batch = self._changed(batch, values, key)
        with noise.noise_step(key, batch.counts), draws_repeated(self._model, lambda: key), self._moved(values, key):
            weights = [variable.value for variable in self._variables]
            with tf.GradientTape() as tape:
                tape.watch(weights)  # in a stateless scope they are tensors
                outputs = self._model(as_input(batch.x), training=True)
                of_rows = self._loss(batch.y, tf.cast(predictions(outputs), tf.float32))
                losses = summed(of_rows * batch.weight, batch.counts)
                further = [tf.cast(penalty, tf.float32) for penalty in self._model.losses]
                if self._auxiliary_loss is not None:
                    further.append(self._of_head(batch, tf.cast(outputs[1], tf.float32), values))
                if self._beside:
                    further.append(self._of_outputs_beside(batch, outputs[1:], values))
                loss = tf.add_n([losses / tf.reduce_sum(batch.counts), *further])
            gradients = tape.gradient(loss, weights)
        return Gradients(gradients, losses, loss)

    def apply(self, gradients: Sequence[tf.Tensor | None], values: Values) -> None:
        """Add the penalties' gradients, let the optimizer take its step, and average the weights if they are.

        The penalties themselves are not computed: their sums would take as long as all the rest here.
        """
        import tensorflow as tf

        weights = [variable.value for variable in self._variables]
        with tf.GradientTape() as tape:
            tape.watch(weights)
            penalty = self.penalty(values, weights)
        of_penalty = tape.gradient(penalty, weights)
        is_first = tf.equal(self._optimizer.iterations.value, 0)
        self._optimizer.apply([_added(*pair) for pair in zip(gradients, of_penalty, strict=True)], self._variables)
        self._average(values, is_first)

    def penalty(self, values: Values, weights: Sequence[tf.Tensor] | None = None) -> tf.Tensor:
        """The sum of the penalties on trainable weights.

        Args:
            values: The techniques' numbers; those of layers are in the model already.
            weights: The weights, where they are not as the model has them.
        """
        import tensorflow as tf

        if weights is None:
            weights = [variable.value for variable in self._variables]
        pairs = zip(self._penalties, weights, strict=True)
        penalties = [tf.constant(0.0), *(tf.cast(f(weight), tf.float32) for f, weight in pairs if f)]
        for technique in self._of_file:
            number = _number(values, technique)
            for weight, of_file in zip(weights, self._pretrained, strict=True):
                if of_file is not None:
                    penalties.append(technique.penalize(weight, of_file.value, number))
        return tf.add_n(penalties)

    @contextlib.contextmanager
    def averaged(self) -> Iterator[None]:
        """The model at the averages of its weights; at its weights as they are when nothing averages them.

        Source: keras.callbacks.SwapEMAWeights.
        """
        averages = self._averages[-1][1] if self._averages else []
        with _assigned(self._variables if averages else [], [average.value for average in averages]):
            yield

    def _changed(self, batch: Batch, values: Values, key: NoiseKey) -> Batch:
        """The batch as the techniques leave it."""
        if self._on_batches:
            batch = replace(batch, y=self._as_distribution(batch.y))
        for technique in self._on_batches:
            batch = technique.apply(batch, _number(values, technique), noise.layer_key(key, technique.name))
        return batch

    def _as_distribution(self, y: tf.Tensor) -> tf.Tensor:
        import tensorflow as tf

        # Only class indices have one dimension; a column of 0 and 1 is the probability of class 1 already.
        return tf.one_hot(y, self._n_outputs) if y.shape.rank == 1 else tf.cast(y, tf.float32)

    @contextlib.contextmanager
    def _moved(self, values: Values, key: NoiseKey) -> Iterator[None]:
        """The model with its kernels where the techniques move them; afterwards they are where they were."""
        moved = [kernel.value for kernel in self._kernels.values()]
        for technique in self._on_weights:
            number, own_key = _number(values, technique), noise.layer_key(key, technique.name)
            moved = [
                technique.apply(kernel, number, noise.layer_key(own_key, path))
                for path, kernel in zip(self._kernels, moved, strict=True)
            ]
        with _assigned(list(self._kernels.values()), moved):
            yield

    def _of_head(self, batch: Batch, predicted: tf.Tensor, values: Values) -> tf.Tensor:
        """The weighted loss of the head, whose targets are the rows themselves, flat; exactly 0 when it is off."""
        import tensorflow as tf

        flat = [tf.reshape(rows, (-1, math.prod(rows.shape[1:]))) for rows in batch.x.values()]
        targets = flat[0] if len(flat) == 1 else tf.concat(flat, axis=1)
        losses = self._auxiliary_loss(targets, predicted) * batch.weight
        loss = summed(losses, batch.counts) / tf.reduce_sum(batch.counts)
        return tf.add_n([technique.weigh(loss, _number(values, technique)) for technique in self._of_heads])

    def _of_outputs_beside(self, batch: Batch, outputs: Sequence[tf.Tensor], values: Values) -> tf.Tensor:
        """The weighted losses of the outputs that train beside the study's, all together."""
        import tensorflow as tf

        losses = []
        for (name, loss, _), predicted in zip(self._beside, outputs, strict=True):
            of_rows = loss(batch.further[name], tf.cast(predicted, tf.float32)) * batch.weight
            losses.append(summed(of_rows, batch.counts) / tf.reduce_sum(batch.counts))
        total = tf.add_n([loss * weight for loss, (_, _, weight) in zip(losses, self._beside, strict=True)])
        for technique in self._of_heads:
            given = tf.convert_to_tensor(values.get(technique.name, math.nan), tf.float32)
            weighed = technique.weigh(tf.add_n(losses), value_or_off(given, technique.off))
            total = tf.where(is_off(given), total, weighed)
        return total

    def _average(self, values: Values, is_first: tf.Tensor) -> None:
        """Take a step's weights into the averages, and each technique's averages into those of the next."""
        import tensorflow as tf

        weights = [variable.value for variable in self._variables]
        for technique, averages in self._averages:
            number = _number(values, technique)
            for average, weight in zip(averages, weights, strict=True):
                average.assign(technique.average(average.value, weight, number, is_first))
            weights = [tf.convert_to_tensor(average.value) for average in averages]


def predictions(outputs: tf.Tensor | list[tf.Tensor]) -> tf.Tensor:
    """What a model predicts for the study's task, whatever else it returns."""
    return outputs[0] if isinstance(outputs, list) else outputs


def as_input(x: Mapping[str, tf.Tensor]) -> tf.Tensor | dict[str, tf.Tensor]:
    """What a model is called with: the rows of its one input as they are, those of several by name."""
    return next(iter(x.values())) if len(x) == 1 else dict(x)


def summed(losses: tf.Tensor, counts: tf.Tensor) -> tf.Tensor:
    """Sum over the rows that count, whatever the others are."""
    import tensorflow as tf

    return tf.reduce_sum(tf.where(counts > 0, losses, 0.0))


def _penalize_counting_rows(model: keras.Model) -> None:
    """Let layers with a penalty on their activations leave out rows that only fill the batch up.

    Keras divides what a regularizer returns by the size of the batch, filler rows included. Penalties other than these,
    which are sums over elements, stay as they are.
    """
    import keras

    sums = (keras.regularizers.L1, keras.regularizers.L2, keras.regularizers.L1L2)
    for layer in flattened_layers(model):  # `layers` does not reach into wrappers
        if isinstance(layer.activity_regularizer, sums):
            layer.activity_regularizer = _of_counting_rows(layer.activity_regularizer)


def _of_counting_rows(penalty: Callable[[tf.Tensor], tf.Tensor]) -> Callable[[tf.Tensor], tf.Tensor]:
    """The penalty of the rows that count, scaled so that division by the size of the batch gives their mean."""
    import tensorflow as tf

    def penalize(activations: tf.Tensor) -> tf.Tensor:
        rows = noise.current_counts()
        if rows is None:
            return penalty(activations)
        counts = tf.reshape(rows > 0, (-1, *[1] * (activations.shape.rank - 1)))
        counting = penalty(tf.where(counts, activations, tf.zeros((), activations.dtype)))
        return counting / tf.cast(tf.reduce_mean(rows), counting.dtype)

    return penalize


def _number(values: Values, technique: Technique) -> tf.Tensor:
    """The number of a technique: what it is when off where there is none."""
    import tensorflow as tf

    return value_or_off(tf.convert_to_tensor(values.get(technique.name, math.nan), tf.float32), technique.off)


def _added(gradient: tf.Tensor | None, of_penalty: tf.Tensor | None) -> tf.Tensor | None:
    import tensorflow as tf

    if gradient is None or of_penalty is None:
        return of_penalty if gradient is None else gradient
    return tf.convert_to_tensor(gradient) + of_penalty  # an embedding's gradient is sparse


@contextlib.contextmanager
def _assigned(variables: Sequence[keras.Variable], values: Sequence[tf.Tensor]) -> Iterator[None]:
    """Variables at other values; afterwards they are, bit for bit, what they were."""
    import tensorflow as tf

    before = [tf.identity(variable.value) for variable in variables]
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
    try:
        yield
    finally:
        for variable, value in zip(variables, before, strict=True):
            variable.assign(value)
