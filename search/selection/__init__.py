"""Choosing: the best configuration against the baseline.

| module | what lives there |
|---|---|
| `choice` | the baseline, the best trial and the chosen one of a study |
| `paired` | paired differences over folds and resamples, with an error that knows which rows they share |
| `bootstrap` | what the best trial scores on rows that it was not chosen on |
| `_drawing`, `_drawn_trials` | the arrays of that |
| `student` | Student's t distribution |
| `constant` | whether a configuration learned more than a guess that is the same for every row |

Scores come from `search.training`, trials from `search.storage`.
"""

from search.selection.bootstrap import bootstrap_selection
from search.selection.choice import Choice, best_trial, choose
from search.selection.constant import ConstantGuess, TrainingFit, compare_with_constant
from search.selection.paired import PairedDifference, compare_pairs

__all__ = [
    "Choice",
    "ConstantGuess",
    "PairedDifference",
    "TrainingFit",
    "best_trial",
    "bootstrap_selection",
    "choose",
    "compare_pairs",
    "compare_with_constant",
]
