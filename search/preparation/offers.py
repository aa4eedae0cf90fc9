"""What a drafted study offers: the techniques that suit a model and its data, and how wide each is searched.

Rules of thumb all of them. Another technique on offer is one line of `_OFFERS`.
"""

from __future__ import annotations

import glob
import math
from collections.abc import Callable
from dataclasses import dataclass

from search.data import Dataset
from search.models import Architecture, candidates
from search.spec import Range
from search.techniques import TECHNIQUES, LayerTechnique, Part


@dataclass(frozen=True)
class Size:
    """What the number of rows decides.

    Args:
        below: Number of rows below which this holds.
        n_trials: Trials in all.
        folds: Folds of a cross-validation; 1 for a single holdout.
        epochs: Epochs of a run.
        batch_size: Rows a step.
        penalty: Range of a weight penalty's coefficient.
        rate: Range of a rate.
    """

    below: float
    n_trials: int
    folds: int
    epochs: int
    batch_size: int
    penalty: tuple[float, float]
    rate: tuple[float, float]


_SIZES = (
    Size(1_000, 60, 5, 200, 32, (1e-5, 1e-1), (0.05, 0.7)),
    Size(20_000, 40, 3, 60, 64, (1e-6, 1e-2), (0.05, 0.5)),
    Size(math.inf, 20, 1, 20, 128, (1e-7, 1e-3), (0.02, 0.4)),
)


@dataclass(frozen=True)
class OfferFacts:
    """What offers depend on.

    Args:
        plain: The model.
        dataset: The rows.
        size: What their number decides.
        epochs: Epochs of a run.
        decays: Whether the optimizer has a weight decay of its own.
    """

    plain: Architecture
    dataset: Dataset
    size: Size
    epochs: int
    decays: bool = False

    def suiting(self, technique: str) -> list[Part]:
        """The layers that the technique, named without a pattern, would reach."""
        known = TECHNIQUES[technique]
        if not isinstance(known, LayerTechnique):
            return []
        fitting = candidates(self.plain, known)
        return [layer for layer in fitting if layer.name not in self.plain.outputs] or fitting

    @property
    def classifies(self) -> bool:
        """Whether classes are told apart."""
        return self.dataset.task != "regression"

    @property
    def has_soft_labels(self) -> bool:
        """Whether classes are told apart by a loss that knows labels between two of them."""
        return self.classifies and self.plain.loss.known.takes_shares

    @property
    def convolves(self) -> bool:
        """Whether rows are images, and the model looks at them as such."""
        is_image = len(self.plain.input_shape) in (2, 3)
        return is_image and any(layer.path == "layers.Conv2D" for layer in self.plain.layers)


def _penalty(facts: OfferFacts) -> Range:
    low, high = facts.size.penalty
    return Range(low=low, high=high, log=True)


def _decay(facts: OfferFacts) -> Range:
    return Range(low=1e-4, high=1.0, log=True)


def _rate(facts: OfferFacts) -> Range:
    low, high = facts.size.rate
    return Range(low=low, high=high)


def _patience(facts: OfferFacts) -> Range:
    low = max(1, facts.epochs // 20)
    return Range(low=low, high=max(low + 1, facts.epochs // 4), log=True)


def _between(low: float, high: float) -> Callable[[OfferFacts], Range]:
    return lambda facts: Range(low=low, high=high)


@dataclass(frozen=True)
class Offer:
    """A technique that may be searched.

    Args:
        technique: Its name.
        values: What is searched.
        reason: Said beside it in the file.
        suits: Whether it is offered; default: when it suits a layer.
    """

    technique: str
    values: Callable[[OfferFacts], Range]
    reason: str
    suits: Callable[[OfferFacts], bool] | None = None

    def is_for(self, facts: OfferFacts) -> bool:
        """Whether it is offered."""
        return bool(facts.suiting(self.technique)) if self.suits is None else self.suits(facts)


_OFFERS = (
    Offer("l2", _penalty, "keeps kernels small"),
    Offer("recurrent_l2", _penalty, "the same for what comes back"),
    Offer(
        "weight_decay",
        _decay,
        "shrinks weights; times the learning rate",
        lambda facts: not facts.decays and not facts.suiting("l2"),
    ),
    Offer("dropout", _rate, "leaves out units"),
    Offer("spatial_dropout", _rate, "leaves out whole feature maps"),
    Offer("recurrent_dropout", _rate, "leaves out units on their way back"),
    Offer("rotation", _between(0.01, 0.1), "turns images, share of a full turn", lambda facts: facts.convolves),
    Offer("shift", _between(0.02, 0.15), "moves images, share of their edge", lambda facts: facts.convolves),
    Offer("zoom", _between(0.02, 0.2), "brings images nearer or farther", lambda facts: facts.convolves),
    Offer("label_smoothing", _between(0.01, 0.2), "asks for less than certainty", lambda facts: facts.has_soft_labels),
    Offer(
        "auxiliary_weight",
        lambda facts: Range(low=0.01, high=2.0, log=True),
        "how much the other outputs weigh, all alike",
        lambda facts: bool(facts.plain.beside),
    ),
    Offer("patience", _patience, "stops after so many epochs without improvement", lambda facts: True),
)


def size_of(n_rows: int) -> Size:
    """What so many rows decide."""
    return next(size for size in _SIZES if n_rows < size.below)


def find_offers(facts: OfferFacts) -> dict[str, Offer]:
    """What is offered, by its name in [space]."""
    return {name: offer for offer in _OFFERS if offer.is_for(facts) for name in _names_of(offer.technique, facts)}


def _names_of(technique: str, facts: OfferFacts) -> list[str]:
    """The technique's name; for dropout beside spatial dropout, one name for each dense layer."""
    if technique != "dropout" or not facts.suiting("spatial_dropout"):
        return [technique]
    dense = [layer.name for layer in facts.suiting(technique) if layer.path == "layers.Dense"]
    return [f"{glob.escape(name)}.{technique}" for name in dense]
