"""Metrics of predictions: each is one file, one line in `METRICS`, and nothing else.

| module | what lives there |
|---|---|
| `_base` | `Metric`: what a metric tells and computes |
| `_classes`, `_numbers` | what metrics of classifications share, and those of regressions |
| `_ranking` | what metrics share that look at the order of predictions |
| `_counting` | means over rows, each as often as it counts |
| `own` | a metric that is a function of the user's |
| `threshold` | where a probability is best parted into classes |
| all others | one metric each |

Workers score every epoch of every run, so these are a few array operations each; scikit-learn's own functions cost
about a millisecond of argument checks a call, and an import. The tests hold each one against its namesake.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from search.records import Task
from search.training.metrics._base import Metric
from search.training.metrics._classes import DecisionMetric
from search.training.metrics.accuracy import Accuracy
from search.training.metrics.average_precision import AveragePrecision
from search.training.metrics.balanced_accuracy import BalancedAccuracy
from search.training.metrics.brier import Brier
from search.training.metrics.f1_macro import F1Macro
from search.training.metrics.log_loss import LogLoss
from search.training.metrics.mae import Mae
from search.training.metrics.mse import Mse
from search.training.metrics.own import OwnMetric, OwnMetricError
from search.training.metrics.r2 import R2
from search.training.metrics.rmse import Rmse
from search.training.metrics.roc_auc import RocAuc
from search.training.metrics.threshold import best_threshold
from search.training.metrics.top_k import TopK

_ALL: tuple[Metric, ...] = (
    LogLoss(),
    Brier(),
    Accuracy(),
    BalancedAccuracy(),
    F1Macro(),
    TopK(),
    RocAuc(),
    AveragePrecision(),
    Mse(),
    Rmse(),
    Mae(),
    R2(),
)

METRICS: Mapping[str, Metric] = {metric.name: metric for metric in _ALL}
"""Every metric by its name in [objective]."""


def find_metric(name: str, arguments: Mapping[str, Any] | None = None) -> Metric:
    """The metric of `METRICS` of a name, with some of its arguments."""
    metric = METRICS[name]
    return type(metric)(**{**metric.arguments, **arguments}) if arguments else metric


def default_metric(task: Task) -> str:
    """The metric of a study that names none."""
    return "mse" if task == "regression" else "log_loss"


__all__ = [
    "METRICS",
    "DecisionMetric",
    "Metric",
    "OwnMetric",
    "OwnMetricError",
    "best_threshold",
    "default_metric",
    "find_metric",
]
