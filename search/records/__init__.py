"""Frozen values that travel between the rooms of the house.

| module | what lives there |
|---|---|
| `configuration` | `Configuration`: technique or setting name to value; what such a name is of |
| `run` | `Run`, `RunReport`, `RunResult`, `RunSummary`, and the engine that trains one |
| `curve` | `Curve`: what happened epoch by epoch, packed |
| `trial` | `Trial`, its state and its parameters |
| `estimate` | `SelectionEstimate`: what choosing the best trial is worth on other rows |
| `facts` | `StudyFacts`: what a study's data is like |
| `study` | `StudyRecord`, and who coordinates a study |

A record knows nothing of files, databases, Keras or Optuna. It is made once, checked when it is made, and
passed on unchanged; it pickles, so that it can travel to a worker.
"""

from search.records.configuration import SETTING_TABLES, Configuration, Setting, technique_of
from search.records.curve import Curve
from search.records.estimate import SelectionEstimate
from search.records.facts import FACTS_VERSION, RowCounts, StudyFacts, Task
from search.records.run import EngineChoice, FailureCause, Purpose, Run, RunReport, RunResult, RunSummary
from search.records.study import Coordinator, Direction, StudyRecord
from search.records.trial import BASELINE_TRIAL, Parameter, Trial, TrialOutcome, TrialState

__all__ = [
    "BASELINE_TRIAL",
    "FACTS_VERSION",
    "SETTING_TABLES",
    "Configuration",
    "Coordinator",
    "Curve",
    "Direction",
    "EngineChoice",
    "FailureCause",
    "Parameter",
    "Purpose",
    "RowCounts",
    "Run",
    "RunReport",
    "RunResult",
    "RunSummary",
    "SelectionEstimate",
    "Setting",
    "StudyFacts",
    "StudyRecord",
    "Task",
    "Trial",
    "TrialOutcome",
    "TrialState",
    "technique_of",
]
