"""Frozen values that travel between the rooms of the house.

| module | what lives there |
|---|---|
| `configuration` | `Configuration`: technique or setting name to value; what such a name is of |
| `run` | `Run`, `RunReport`, `RunResult`, `RunSummary`, and the engine that trains one |
| `run_log` | `RunLog`: a run that failed, and all that its error said |
| `curve` | `Curve`: what happened epoch by epoch, packed |
| `predictions` | `Predictions`: what a run's model says of the rows that score it, packed |
| `trial` | `Trial`, its state and its parameters |
| `estimate` | `SelectionEstimate`: what choosing the best trial is worth on other rows |
| `facts` | `StudyFacts`: what a study's data is like |
| `verdict` | `Verdict`: what a confirmation found |
| `ablation` | `Ablation`: what each part of a choice is worth |
| `advice` | `Advice`: what to do about a choice |
| `diagnosis` | `Diagnosis`: what baseline and choice say of rows |
| `sweep` | `Sweep`: one name of a choice over its values |
| `study` | `StudyRecord`, and who coordinates a study |
| `stored_verdict` | `StoredVerdict`: what a study came to |
| `stored_analysis` | `StoredAnalysis`: what was found out about a choice |
| `look` | `Look`: one look at sealed rows |
| `damage` | what was stored and is not as it was written, told in one sentence |
| `csv_text` | a table as CSV text, whose cells cannot become formulas |

A record knows nothing of files, databases, Keras or Optuna. It is made once, checked when it is made, and
passed on unchanged; it pickles, so that it can travel to a worker.
"""

from search.records.ablation import ABLATION_KIND, ABLATION_VERSION, Ablation, Removal
from search.records.advice import ADVICE_KIND, Advice
from search.records.configuration import SETTING_TABLES, Configuration, Setting, technique_of
from search.records.curve import Curve
from search.records.damage import StoredTable, damage_told
from search.records.diagnosis import DIAGNOSIS_KIND, Boundary, Diagnosis
from search.records.estimate import SelectionEstimate
from search.records.facts import FACTS_VERSION, RowCounts, StudyFacts, Task
from search.records.look import Look
from search.records.predictions import Predictions
from search.records.run import EngineChoice, FailureCause, Purpose, Run, RunReport, RunResult, RunSummary
from search.records.run_log import RunLog
from search.records.stored_analysis import StoredAnalysis
from search.records.stored_verdict import StoredVerdict
from search.records.study import Coordinator, Direction, StudyRecord
from search.records.sweep import SWEEP_KIND, SWEEP_VERSION, Mean, Sweep, SweepPoint
from search.records.trial import BASELINE_TRIAL, Parameter, Trial, TrialOutcome, TrialState
from search.records.verdict import (
    VERDICT_VERSION,
    Answer,
    Difference,
    Finalist,
    Rule,
    UnknownVerdictError,
    Verdict,
)

__all__ = [
    "ABLATION_KIND",
    "ABLATION_VERSION",
    "ADVICE_KIND",
    "BASELINE_TRIAL",
    "DIAGNOSIS_KIND",
    "FACTS_VERSION",
    "SETTING_TABLES",
    "SWEEP_KIND",
    "SWEEP_VERSION",
    "VERDICT_VERSION",
    "Ablation",
    "Advice",
    "Answer",
    "Boundary",
    "Configuration",
    "Coordinator",
    "Curve",
    "Diagnosis",
    "Difference",
    "Direction",
    "EngineChoice",
    "FailureCause",
    "Finalist",
    "Look",
    "Mean",
    "Parameter",
    "Predictions",
    "Purpose",
    "Removal",
    "RowCounts",
    "Rule",
    "Run",
    "RunLog",
    "RunReport",
    "RunResult",
    "RunSummary",
    "SelectionEstimate",
    "Setting",
    "StoredAnalysis",
    "StoredTable",
    "StoredVerdict",
    "StudyFacts",
    "StudyRecord",
    "Sweep",
    "SweepPoint",
    "Task",
    "Trial",
    "TrialOutcome",
    "TrialState",
    "UnknownVerdictError",
    "Verdict",
    "damage_told",
    "technique_of",
]
