"""Choosing: the best configuration against the baseline.

| module | what lives there |
|---|---|
| `choice` | the baseline, the best trial and the chosen one of a study |
| `paired` | paired differences over folds and resamples, with an error that knows which rows they share |
| `finalists` | which trials are scored once more |
| `reference` | what all trials together hold likely of each row, by which scores are expected |
| `racing` | the race of the finalists, repeat by repeat |
| `deciding` | from the race to the verdict |
| `bootstrap` | what the best trial scores on rows that it was not chosen on |
| `ensemble` | which trials are averaged, with which weights, and what that is worth |
| `_drawing`, `_drawn_trials`, `_ensembles` | the arrays of these two |
| `holdout` | two models on rows that had no part in anything |
| `permutation` | whether predictions tell anything of the labels |
| `advice` | what to do about a choice that looks odd; it knows the techniques, so that whoever needs it imports it |
| `student` | Student's t distribution |
| `constant` | whether a configuration learned more than a guess that is the same for every row |

Scores come from `search.training`, trials from `search.storage`.
"""

from search.selection.bootstrap import bootstrap_selection
from search.selection.choice import (
    Choice,
    best_trial,
    choose,
    choose_stored,
    find_trial,
    find_undecided,
    keep_undecided,
    no_score_remedy,
)
from search.selection.constant import ConstantGuess, TrainingFit, compare_with_constant
from search.selection.deciding import decide
from search.selection.ensemble import Ensemble, choose_ensemble
from search.selection.finalists import pick_finalists
from search.selection.holdout import compare_by_draws, compare_by_rows
from search.selection.paired import PairedDifference, compare_pairs
from search.selection.permutation import permutation_chance
from search.selection.racing import LEVEL, Divisions, Race, Repeat, Scores
from search.selection.reference import Reference

__all__ = [
    "LEVEL",
    "Choice",
    "ConstantGuess",
    "Divisions",
    "Ensemble",
    "PairedDifference",
    "Race",
    "Reference",
    "Repeat",
    "Scores",
    "TrainingFit",
    "best_trial",
    "bootstrap_selection",
    "choose",
    "choose_ensemble",
    "choose_stored",
    "compare_by_draws",
    "compare_by_rows",
    "compare_pairs",
    "compare_with_constant",
    "decide",
    "find_trial",
    "find_undecided",
    "keep_undecided",
    "no_score_remedy",
    "permutation_chance",
    "pick_finalists",
]
