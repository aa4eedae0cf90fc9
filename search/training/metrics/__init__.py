"""Metrics of predictions: each is one file, one line in `METRICS`, and nothing else.

| module | what lives there |
|---|---|
| `_base` | `Metric`: what a metric tells and computes |
| `_classes`, `_numbers` | what metrics of classifications share, and those of regressions |
| `_ranking` | what metrics share that look at the order of predictions |
| `_counting` | means over rows, each as often as it counts |
| `own` | a metric that is a function of the user's |
| `summed` | the weighted sum of what several outputs score |
| `threshold` | where a probability is best parted into classes |
| all others | one metric each |

Workers score every epoch of every run, so these are a few array operations each; scikit-learn's own functions cost
about a millisecond of argument checks a call, and an import. The tests hold each one against its namesake.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

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
from search.training.metrics.summed import NotScored, Part, SummedMetric
from search.training.metrics.threshold import best_threshold
from search.training.metrics.top_k import TopK

if TYPE_CHECKING:
    from search.data import Dataset

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


def summed_metric(dataset: Dataset, weights: Mapping[str, float]) -> SummedMetric:
    """The weighted sum of what outputs score, each by the metric that fits its task.

    Args:
        dataset: Rows with the targets of all of them.
        weights: Output to weight; those that are not in it have no part.
    """
    outputs = [each for each in dataset.named_outputs if each.name in weights]
    return SummedMetric(
        tuple(
            Part(
                each.name,
                find_metric(default_metric(each.task)),
                weights[each.name],
                0 if each.task == "regression" else each.n_outputs,
                each.n_outputs if each.task == "regression" else 1,
            )
            for each in outputs
        )
    )


def default_metric(task: Task) -> str:
    """The metric of a study that names none."""
    return "mse" if task == "regression" else "log_loss"


__all__ = [
    "METRICS",
    "DecisionMetric",
    "Metric",
    "NotScored",
    "OwnMetric",
    "OwnMetricError",
    "SummedMetric",
    "best_threshold",
    "default_metric",
    "find_metric",
    "summed_metric",
]
