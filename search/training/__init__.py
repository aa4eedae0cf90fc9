"""One run: a configuration is trained on one fold with one seed, and scored.

| module | what lives there |
|---|---|
| `plan` | `TrainingPlan`: what a worker is given, once a study; never a sealed row |
| `worker_session` | `WorkerSession`: run in, result out, or Keras model out; owns all that is kept from run to run |
| `final` | how the model is trained that a study leads to |
| `jobs` | a run becomes a job: rows prepared, model described |
| `rows` | the rows of a fold as they are trained on, and the steps that an exported model repeats |
| `stages` | a path of rising coefficients, stage by stage |
| `engines` | how the epochs are run: as one compiled program, or by Keras' own loop |
| `stopping` | early stopping on the stop rows |
| `metrics` | the metrics, one file each: for the score in NumPy, for the curve in TensorFlow |
| `failures` | what a failed run died of |
| `recent`, `bounds` | values that are kept up to a bound; the bounds |
| `session` | TensorFlow is set up, once a process |
| `process` | the same in a process that is the caller's: what is changed is put back |

What is trained is described in `search.models`; who trains which run is decided in `search.dispatch`, where in
`search.execution`. Importing this package imports neither Keras nor TensorFlow: the coordinator does it.
"""

from search.training.engines import N_LANES
from search.training.failures import cause_of, error_in_one_line
from search.training.final import final_configuration, final_plan
from search.training.metrics import (
    METRICS,
    DecisionMetric,
    Metric,
    OwnMetric,
    OwnMetricError,
    best_threshold,
    default_metric,
    find_metric,
)
from search.training.plan import TrainingPlan
from search.training.process import lent_process
from search.training.rows import ClassWeight, class_weights
from search.training.session import import_tensorflow, keep_small_loops_apart, start_tensorflow
from search.training.worker_session import Report, WorkerSession

__all__ = [
    "METRICS",
    "N_LANES",
    "ClassWeight",
    "DecisionMetric",
    "Metric",
    "OwnMetric",
    "OwnMetricError",
    "Report",
    "TrainingPlan",
    "WorkerSession",
    "best_threshold",
    "cause_of",
    "class_weights",
    "default_metric",
    "error_in_one_line",
    "final_configuration",
    "final_plan",
    "find_metric",
    "import_tensorflow",
    "keep_small_loops_apart",
    "lent_process",
    "start_tensorflow",
]
