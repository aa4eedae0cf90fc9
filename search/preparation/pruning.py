"""Whether a study's trials are raced where its file leaves that open."""

from __future__ import annotations

from collections.abc import Sequence

from search.data import Splits
from search.models import Architecture, count_products
from search.spec import WALKS, Choices, Pruner, StudySpec
from search.techniques import staging_techniques

_EXPENSIVE_SECONDS = 120.0
"""Core time of a search, roughly, from which on its trials are raced."""

_LEAST_TRIALS = 15
"""Of fewer trials most are over before there is somebody to race against."""

_SECONDS_A_STEP = 2e-5
_SECONDS_A_PRODUCT = 6 / 80e9
"""A step forward and back is six operations a product and row; a core does some 80 thousand million a second."""


def with_pruner(spec: StudySpec, plain: Sequence[Architecture], splits: Splits) -> StudySpec:
    """The study with the pruner that fits it, where the file leaves that open."""
    if spec.study.pruner != "auto":
        return spec
    # Epochs of two phases tell nothing of one another, and of a sum over outputs there are none.
    if spec.training.unfreeze is not None or spec.objective.outputs:
        return spec.model_copy(update={"study": spec.study.model_copy(update={"pruner": "none"})})
    n_train = min(len(fold.train) for fold in splits.folds)
    n_runs = len(splits.folds) * spec.objective.seeds
    pruner = _fitting_pruner(spec, plain, n_train, n_runs)
    return spec.model_copy(update={"study": spec.study.model_copy(update={"pruner": pruner})})


def most_epochs(spec: StudySpec) -> int:
    """The most epochs that a run of any configuration may have."""
    searched, of_second_phase = spec.space.get("training.epochs"), spec.training.all_epochs - spec.training.epochs
    if searched is None:
        return spec.training.all_epochs
    return of_second_phase + int(max(searched.choices) if isinstance(searched, Choices) else searched.high)


def _fitting_pruner(spec: StudySpec, architectures: Sequence[Architecture], n_train: int, n_runs: int) -> Pruner:
    """`racing` for a search that is expensive, `none` for one that is not, or where every point is asked for.

    Neither is measured, so that the same study is the same everywhere: what a search costs is told from its counts.

    Args:
        spec: The study, `n_trials` filled in.
        architectures: The plain models that it may train.
        n_train: Rows that train a run.
        n_runs: Runs of a trial.
    """
    study = spec.study
    if study.sampler in WALKS or (study.n_trials or 0) < _LEAST_TRIALS or staging_techniques(spec.space):
        return "none"
    products = max(map(count_products, architectures))
    n_steps = -(-n_train // spec.training.batch_size)
    epoch = n_steps * _SECONDS_A_STEP + n_train * products * _SECONDS_A_PRODUCT
    seconds = (study.n_trials or 0) * n_runs * most_epochs(spec) * epoch
    return "racing" if seconds >= _EXPENSIVE_SECONDS else "none"
