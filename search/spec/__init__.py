"""A study file becomes a frozen, validated `StudySpec`; every problem is reported at once.

| module | what lives there |
|---|---|
| `sections` | one class per table of the file |
| `catalogue` | what a file may name: techniques, families, optimizers, sources, splitters (handed in, not looked up) |
| `reader` | file and overrides in, `StudySpec` or `StudyFileError` out |
| `tables` | each table by itself: names, types and bounds of its keys |
| `entries` | what a name of [space] means |
| `checks`, `space`, `ranges` | what must hold between keys, and for the entries of [space] |
| `widening` | what may become of [space] while a study goes on |
| `overrides` | `--set table.key=value` |
| `locations` | line of each key of a TOML document |
| `findings`, `wording` | problems with their places; `expected ..., received ...` |
| `study_names` | what a study may be called |
| `writer` | a `StudySpec` as a study file, and as JSON for the database |

What a name *does* lives elsewhere: techniques in `search.techniques`, families in `search.models`, sources and
splitters in `search.data`. Optuna's distributions for a space are made in `search.tuning`.
"""

from search.records import technique_of
from search.spec.catalogue import Arguments, Catalogue, Domain, SourceForm
from search.spec.entries import OFF, canonical_name
from search.spec.ranges import OFF_SHARE
from search.spec.reader import RESULT, parse_study, place_in_study, read_result, read_study
from search.spec.sections import (
    MOST_STARTUP_TRIALS,
    TASK_LOSS,
    WALKS,
    WIDEST_WINDOW,
    Called,
    Choices,
    ConfirmSection,
    DataSection,
    Fraction,
    ModelSection,
    ObjectiveSection,
    Pruner,
    Range,
    SplitSection,
    StudySection,
    StudySpec,
    TrainingSection,
    Validation,
    is_function,
)
from search.spec.space import baseline_problem, with_choices
from search.spec.study_names import check_study_name
from search.spec.widening import refused_changes, wider_ranges
from search.spec.writer import describe_keys, spec_from_json, spec_to_json, spec_to_toml

__all__ = [
    "MOST_STARTUP_TRIALS",
    "OFF",
    "OFF_SHARE",
    "RESULT",
    "TASK_LOSS",
    "WALKS",
    "WIDEST_WINDOW",
    "Arguments",
    "Called",
    "Catalogue",
    "Choices",
    "ConfirmSection",
    "DataSection",
    "Domain",
    "Fraction",
    "ModelSection",
    "ObjectiveSection",
    "Pruner",
    "Range",
    "SourceForm",
    "SplitSection",
    "StudySection",
    "StudySpec",
    "TrainingSection",
    "Validation",
    "baseline_problem",
    "canonical_name",
    "check_study_name",
    "describe_keys",
    "is_function",
    "parse_study",
    "place_in_study",
    "read_result",
    "read_study",
    "refused_changes",
    "spec_from_json",
    "spec_to_json",
    "spec_to_toml",
    "technique_of",
    "wider_ranges",
    "with_choices",
]
