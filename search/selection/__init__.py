"""Choosing: the best configuration against the baseline.

| module | what lives there |
|---|---|
| `choice` | the baseline and the best trial of a study |

Scores come from `search.training`, trials from `search.storage`.
"""

from search.selection.choice import Choice, best_trial, choose

__all__ = ["Choice", "best_trial", "choose"]
