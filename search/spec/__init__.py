"""A study file becomes a frozen, validated `StudySpec`; every problem is reported at once.

| module | what lives there |
|---|---|
| `sections` | one class per table of the file |
| `catalogue` | what a file may name: techniques, families, optimizers (handed in, not looked up) |
| `reader` | file and overrides in, `StudySpec` or `StudyFileError` out |

What a name *does* lives elsewhere: techniques in `search.techniques`, families in `search.models`, sources in
`search.data`. Optuna's distributions for a space are made in `search.tuning`.
"""

from search.spec.catalogue import Catalogue, Domain
from search.spec.sections import (
    Choices,
    ConfirmSection,
    DataSection,
    HeadValidation,
    HoldoutValidation,
    KFoldValidation,
    ModelSection,
    ObjectiveSection,
    Range,
    SplitSection,
    StudySection,
    StudySpec,
    TrainingSection,
)

__all__ = [
    "Catalogue",
    "Choices",
    "ConfirmSection",
    "DataSection",
    "Domain",
    "HeadValidation",
    "HoldoutValidation",
    "KFoldValidation",
    "ModelSection",
    "ObjectiveSection",
    "Range",
    "SplitSection",
    "StudySection",
    "StudySpec",
    "TrainingSection",
]
