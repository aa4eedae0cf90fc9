"""Stochastic weight averaging: what is kept is not the last weights but their moving average."""

from __future__ import annotations

from search.techniques._base import Technique
from search.techniques._domains import rate


class Swa(Technique):
    """`average = value * average + (1 - value) * weights` after each step; the average is scored and kept.

    The first average is the weights themselves, as with `use_ema` of Keras' optimizers. A momentum of 0 is no average.

    Source: Polyak and Juditsky 1992, Acceleration of stochastic approximation by averaging; Izmailov et al. 2018,
        Averaging weights leads to wider optima and better generalization.
    """

    name = "swa"
    off = 0.0
    domain = rate("share of the average weights that a training step keeps", "Izmailov et al. 2018")
