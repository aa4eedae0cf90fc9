"""One run: a configuration is trained on one fold with one seed, and scored.

| module | what lives there |
|---|---|
| `plan` | `TrainingPlan`: what a worker is given, once a study; never a sealed row |
| `worker` | `train_run`: run in, result out; `train_model`: run in, Keras model out |
| `jobs` | a run becomes a job: rows prepared, model described |
| `stages` | a path of rising coefficients, stage by stage |
| `engines` | how the epochs are run: as one compiled program, or by Keras' own loop |
| `stopping` | early stopping on the stop rows |
| `scoring` | metrics, in NumPy, by scikit-learn's definitions |
| `recent` | what a worker keeps from run to run |
| `session` | TensorFlow is set up, once a process |
| `process` | the same in a process that is the caller's: what is changed is put back |

What is trained is described in `search.models`; who trains which run is decided in `search.dispatch`, where in
`search.execution`. Importing this package imports neither Keras nor TensorFlow: the coordinator does it.
"""

from search.training.plan import TrainingPlan
from search.training.process import lent_process
from search.training.scoring import METRICS, Metric, default_metric
from search.training.session import start_tensorflow
from search.training.worker import Report, calibrate, train_model, train_run

__all__ = [
    "METRICS",
    "Metric",
    "Report",
    "TrainingPlan",
    "calibrate",
    "default_metric",
    "lent_process",
    "start_tensorflow",
    "train_model",
    "train_run",
]
