"""Choosing: the best configuration against the baseline.

| module | what lives there |
|---|---|
| `choice` | the baseline and the best trial of a study |
| `constant` | whether a configuration learned more than a guess that is the same for every row |

Scores come from `search.training`, trials from `search.storage`.
"""

from search.selection.choice import Choice, best_trial, choose
from search.selection.constant import ConstantGuess, compare_with_constant

__all__ = ["Choice", "ConstantGuess", "best_trial", "choose", "compare_with_constant"]
