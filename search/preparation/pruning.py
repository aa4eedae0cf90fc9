"""Whether a study's trials are raced where its file leaves that open."""

from __future__ import annotations

from collections.abc import Sequence

from search.models import Architecture, count_products
from search.spec import WALKS, Pruner, StudySpec
from search.techniques import staging_techniques

_EXPENSIVE_SECONDS = 120.0
"""Core time of a search, roughly, from which on its trials are raced."""

_LEAST_TRIALS = 15
"""Of fewer trials most are over before there is somebody to race against."""

_SECONDS_A_STEP = 2e-5
_SECONDS_A_PRODUCT = 6 / 80e9
"""A step forward and back is six operations a product and row; a core does some 80 thousand million a second."""


def fitting_pruner(
    spec: StudySpec, architectures: Sequence[Architecture], n_train: int, n_runs: int, most_epochs: int
) -> Pruner:
    """`racing` for a search that is expensive, `none` for one that is not, or where every point is asked for.

    Neither is measured, so that the same study is the same everywhere: what a search costs is told from its counts.

    Args:
        spec: The study, `n_trials` filled in.
        architectures: The plain models that it may train.
        n_train: Rows that train a run.
        n_runs: Runs of a trial.
        most_epochs: The most epochs of a run.
    """
    study = spec.study
    if study.sampler in WALKS or (study.n_trials or 0) < _LEAST_TRIALS or staging_techniques(spec.space):
        return "none"
    products = max(map(count_products, architectures))
    n_steps = -(-n_train // spec.training.batch_size)
    epoch = n_steps * _SECONDS_A_STEP + n_train * products * _SECONDS_A_PRODUCT
    seconds = (study.n_trials or 0) * n_runs * most_epochs * epoch
    return "racing" if seconds >= _EXPENSIVE_SECONDS else "none"
