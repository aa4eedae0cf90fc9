"""What a study's data is like: counts, shapes, and what it scores to predict the same for every row."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from search.data import Dataset, Fold, Splits, TargetScale, fit_encoder
from search.models import SavedModel, find_own, own_in_words
from search.preparation.own_metric import Guess, score_guesses
from search.preparation.resolving import Place
from search.records import RowCounts, StudyFacts
from search.spec import TASK_LOSS, StudySpec
from search.training import ClassWeight, Metric, OwnMetric, class_weights


def study_facts(
    spec: StudySpec, development: Dataset, splits: Splits, metric: Metric, saved: SavedModel | None, place: Place
) -> StudyFacts:
    """What the data is like, with the shape of one row as an encoder sees it that was fitted on all of them.

    Args:
        spec: The study, with every default filled in.
        development: The rows that are not sealed.
        splits: How they are divided.
        metric: What scores.
        saved: The user's model; None for a family's.
        place: Where a table and a key stand, for errors.
    """
    encoder = fit_encoder(development, np.arange(len(development)))
    encoded = encoder.transform(development.take([0]))
    return StudyFacts(
        task=development.task,
        classes=tuple(development.classes),
        input_shape=tuple(encoded.shape[1:]),
        inputs=tuple(encoder.input_names()),
        named_inputs=development.inputs,
        named_outputs=tuple((each.name, each.n_outputs, each.task) for each in development.named_outputs),
        n_targets=math.prod(development.target.shape[1:]),
        rows=_count_rows(splits),
        scaled_bytes=development.scaled_bytes,
        constant_scores=score_constants(spec, development, splits.folds, metric, place("objective", "metric")),
        constant_losses=tuple(_constant_loss(development, fold, spec.training.class_weight) for fold in splits.folds)
        if spec.training.loss == TASK_LOSS
        else (),
        training_rows=tuple(len(training_rows(fold)) for fold in splits.folds),
        validation_rows=tuple(len(fold.validation) for fold in splits.folds),
        own_regularization=_own_in_words(spec, development, saved),
        model_sha256=None if saved is None else saved.sha256,
        metric_sha256=metric.sha256 if isinstance(metric, OwnMetric) else None,
    )


def _own_in_words(spec: StudySpec, development: Dataset, saved: SavedModel | None) -> tuple[str, ...]:
    """What the user's model brings of its own that regularizes, a phrase a kind."""
    phrases = () if saved is None or spec.model.own == "strip" else own_in_words(find_own(saved.layers))
    beside = ", ".join(each.name for each in development.further)
    return (*phrases, f"{beside} trained beside {development.output}") if beside else phrases


def training_rows(fold: Fold) -> npt.NDArray[np.int64]:
    """The rows that a run without early stopping trains on, in ascending order."""
    return np.union1d(fold.train, np.setdiff1d(fold.stop, fold.validation))


def row_weights(development: Dataset, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float32] | None:
    """How much rows count; None when all count 1."""
    weight = None if development.weight is None else development.weight[rows]
    return None if weight is None or (weight == 1).all() else weight


def score_constants(
    spec: StudySpec, development: Dataset, folds: Sequence[Fold], metric: Metric, place: str
) -> tuple[float, ...]:
    """What it scores, fold by fold, to predict the same for every row: what is best for the rows that train.

    Args:
        spec: The study.
        development: The rows that are not sealed.
        folds: Divisions of them.
        metric: What scores.
        place: Where it is named, for errors.
    """
    guesses = [_guess(development, fold, metric) for fold in folds]
    if isinstance(metric, OwnMetric):
        return score_guesses(metric, guesses, place, spec.data.timeout_seconds)
    return tuple(metric.score(guess.target, guess.predicted, guess.weight) for guess in guesses)


def _guess(development: Dataset, fold: Fold, metric: Metric) -> Guess:
    """The best prediction that is the same for every row, for the rows that score."""
    rows = training_rows(fold)
    target = metric.target_of(development)
    constant = metric.constant(target[rows], len(development.classes), row_weights(development, rows))
    return Guess(constant, target[fold.validation], row_weights(development, fold.validation))


def _constant_loss(development: Dataset, fold: Fold, class_weight: ClassWeight) -> float:
    """The loss, on the rows that train, of the best prediction that is the same for each: entropy or variance.

    As training takes it: the mean over rows of losses times weights, those of rows times those of classes.
    """
    rows = training_rows(fold)
    target, weight = development.target[rows], row_weights(development, rows)
    if class_weight != "none":
        of_rows = class_weights(target, development.classes, class_weight)[target]
        weight = of_rows if weight is None else weight * of_rows
    if development.task != "regression":
        counts = np.bincount(target, weight)
        shares, counting = counts / counts.sum(), 1.0 if weight is None else counts.sum() / len(target)
        return float(-sum(share * math.log(share) for share in shares if share) * counting)
    scaled = TargetScale.fit(target).scaled(target) if development.scale_target else target
    if weight is None:
        return float(np.mean(scaled.var(axis=0, dtype=np.float64)))
    columns = scaled.reshape(len(scaled), -1).astype(np.float64)
    errors = np.square(columns - np.average(columns, axis=0, weights=weight)).mean(axis=1)
    return float(np.mean(errors * weight))


def _count_rows(splits: Splits) -> RowCounts:
    first = splits.folds[0]
    return RowCounts(len(first.train), len(first.stop), len(first.validation), len(splits.test))
