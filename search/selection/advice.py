"""What to do about a choice that looks odd: a sentence or two each, and only where it applies.

| advice | when |
|---|---|
| at an edge | a value lies at an end of its range, or is the first or the last of its choices |
| two that shrink | an L2 penalty is on beside decoupled weight decay |
| patience alone | early stopping does all the work |
| too few rows | the best two finalists, or the best one and the baseline, cannot be told apart, and more rows would |
| nothing to gain | the baseline's loss is far from zero on the very rows that train, and no worse on others |
| coarse metric | nothing is gained by a metric that counts decisions, while the loss of a finalist is lower |
| duplicates | equal rows stand on both sides of a division |

Everything here is a function of what is known; who looks it up is `search.coordination.advising`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from search.models import OPTIMIZERS
from search.records import (
    BASELINE_TRIAL,
    Ablation,
    Configuration,
    Difference,
    RunSummary,
    StudyRecord,
    Trial,
    Verdict,
    technique_of,
)
from search.records.wording import EQUAL_ROWS, better, interval_in_words, show_value
from search.selection.choice import Choice
from search.selection.racing import Divisions
from search.techniques import TECHNIQUES, LoopTechnique, OptimizerTechnique, techniques_of

_EDGE = 0.05
"""Share of a range that is its edge, on its own scale."""

_LEAST_VALUES = 3
"""Values that a range or a list must have for an end of it to be an edge."""

_SAME_GAIN = 0.9
"""Share of the choice's gain from which on early stopping alone gains as much."""

_MOST_ROWS = 100.0
"""Times the rows that there are: whom no fewer would tell apart are alike."""

_FAR_FROM_ZERO = 0.5
"""Share of a constant guess' loss from which on the rows that train are far from learned by heart."""

_SMALL_GAP = 0.2
"""Share of the training loss below which the loss on other rows is no worse."""

_LOWER_LOSS = 0.9
"""Share of the baseline's loss on rows that score below which another loss is lower by more than a little."""

_SMOOTH_METRICS = ("log_loss", "brier")
"""Metrics of classifications that change with every probability, and not only where a decision or an order does."""


@dataclass(frozen=True)
class Losses:
    """How the baseline fares without penalties, the mean over its runs.

    Args:
        train: Loss of the rows that train, at the weights kept.
        validation: The same for the rows that score.
        constant: The loss that the best constant guess has on the rows that train.
    """

    train: float
    validation: float
    constant: float


@dataclass(frozen=True)
class Rivals:
    """Two configurations of which one had to be chosen.

    Args:
        first: The trial of the better one.
        second: That of the other one, or the baseline.
        difference: By how much the first beats the second.
    """

    first: int
    second: int
    difference: Difference


@dataclass(frozen=True)
class Situation:
    """What advice depends on.

    Args:
        study: The study's record.
        choice: What it ends with.
        trials: Those that have ended.
        ablation: What the parts of this very choice are worth; None where that is not known.
        losses: How the baseline fares; None where that is not known, or where nothing was learned.
        lowest: The finalist with the lowest loss on rows that score, and that loss, without penalties; None where it is
            not known.
        rivals: The best two; None where there are none, or where nothing but seeds differs between repeats.
    """

    study: StudyRecord
    choice: Choice
    trials: Sequence[Trial]
    ablation: Ablation | None = None
    losses: Losses | None = None
    lowest: tuple[int, float] | None = None
    rivals: Rivals | None = None


def advise(situation: Situation) -> tuple[str, ...]:
    """What to do, one text each; empty where nothing is odd."""
    return (
        *_at_edges(situation),
        *_two_that_shrink(situation),
        *_patience_alone(situation),
        *_too_few_rows(situation),
        *_nothing_to_gain(situation),
        *_coarse_metric(situation),
        *_duplicates(situation),
    )


def find_rivals(verdict: Verdict, runs: Sequence[RunSummary], study: StudyRecord) -> Rivals | None:
    """The best two of a verdict, by the labels of the rows.

    Where the choice is the baseline, they are the one that was weighed and the baseline.

    Args:
        verdict: On the study.
        runs: Those of its confirmation.
        study: Its record.

    Returns:
        None where there is one alone, or where the same rows score each time and nothing tells of others.
    """
    n_folds = len(study.facts.training_rows)
    if not n_folds or (not verdict.scores_other_rows and n_folds == 1):
        return None
    if verdict.chosen == BASELINE_TRIAL:
        return Rivals(verdict.candidate, BASELINE_TRIAL, verdict.expected)
    sign = 1.0 if study.direction == "maximize" else -1.0
    others = [
        each
        for each in verdict.finalists
        if each.end is None and each.expected is not None and each.trial not in (verdict.candidate, BASELINE_TRIAL)
    ]
    if not others:
        return None
    second = max(others, key=lambda each: sign * (each.expected or 0.0)).trial
    repeats = zip(_scores(runs, verdict.candidate, n_folds), _scores(runs, second, n_folds), strict=False)
    gains = [[sign * (mine - theirs) for mine, theirs in zip(*pair, strict=True)] for pair in repeats]
    sizes = zip(study.facts.training_rows, study.facts.validation_rows, strict=True)
    n_train, n_validation = max(sizes, key=lambda size: size[1] / size[0])
    divisions = Divisions(n_train, n_validation, n_folds, verdict.scores_other_rows)
    return Rivals(verdict.candidate, second, divisions.difference(gains)) if gains else None


def _scores(runs: Sequence[RunSummary], trial: int, n_folds: int) -> list[list[float]]:
    """The scores of a trial, fold by fold, repeat by repeat; folds count through the repeats."""
    of_folds: dict[int, list[float]] = {}
    for run in sorted(runs, key=lambda run: run.fold):
        if run.trial == trial and run.score is not None:
            of_folds.setdefault(run.fold, []).append(run.score)
    by_repeat: dict[int, list[float]] = {}
    for fold, scores in of_folds.items():
        by_repeat.setdefault(fold // n_folds, []).append(fmean(scores))
    return list(by_repeat.values())


def _at_edges(situation: Situation) -> Iterator[str]:
    """A value at an end of what was searched."""
    chosen = situation.choice.chosen
    if chosen is None or chosen.number == BASELINE_TRIAL:
        return
    for name, value in chosen.configuration.items():
        entry = situation.study.spec["space"].get(name)
        edge = None if entry is None else _edge(value, entry)
        if edge is not None:
            yield from _on_edge(name, value, edge, entry, _way_further(situation.study, name, entry))


def _edge(value: Any, entry: Mapping[str, Any]) -> str | None:
    """`low` or `high`; None for a value between them, and for what has no ends."""
    if "choices" in entry:
        numbers = sorted(each for each in entry["choices"] if _is_number(each))
        low, high, is_log = (numbers[0], numbers[-1], False) if len(numbers) >= _LEAST_VALUES else (0, 0, False)
        margin = 0.0
    else:
        low, high, is_log, margin = entry["low"], entry["high"], bool(entry.get("log")), _EDGE
        if isinstance(low, int) and isinstance(high, int) and high - low < _LEAST_VALUES - 1:
            return None
    if not _is_number(value) or not low < high:
        return None
    place = math.log(value / low) / math.log(high / low) if is_log else (value - low) / (high - low)
    return "low" if place <= margin else "high" if place >= 1 - margin else None


def _way_further(study: StudyRecord, name: str, entry: Mapping[str, Any]) -> str:
    if "choices" in entry or study.spec.get("study", {}).get("sampler") == "ablation" or name == "training.epochs":
        return "A study of another name can search further."
    return "Widen it and raise n_trials: the study goes on."


def _on_edge(name: str, value: Any, edge: str, entry: Mapping[str, Any], way_further: str) -> Iterator[str]:
    technique = TECHNIQUES.get(technique_of(name) or "")
    listed = "choices" in entry
    numbers = sorted(each for each in entry["choices"] if _is_number(each)) if listed else [entry["low"], entry["high"]]
    end = numbers[0] if edge == "low" else numbers[-1]
    if technique is not None and end == (technique.domain.low if edge == "low" else technique.domain.high):
        return  # there is nothing beyond
    side = "lower" if edge == "low" else "upper"
    among = "choices" if listed else "range"
    where = f"{name} {show_value(value)} is at the {side} edge of its {among} ({_shown(numbers[0])} to "
    where += f"{_shown(numbers[-1])})"
    if technique is not None and edge == technique.domain.weak:
        yield f"{where}, next to off: `regsearch ablate` tells whether it does anything."
    else:
        yield f"{where}: what is best may lie beyond. {way_further}"


def _two_that_shrink(situation: Situation) -> Iterator[str]:
    """L2 beside decoupled decay."""
    chosen = situation.choice.chosen
    if chosen is None or not chosen.configuration:
        return
    shrinking = [known for known in techniques_of(chosen.configuration) if known.shrinks_weights]
    penalty = next((known.name for known in shrinking if known.is_penalty), None)
    decay = next((known.name for known in shrinking if isinstance(known, OptimizerTechnique)), None)
    if decay is None and penalty is not None:
        decay = _decay_of_optimizer(situation.study.spec, chosen.configuration)
    if penalty is not None and decay is not None:
        yield (
            f"{penalty} is on beside decoupled decay ({decay}): both shrink the same weights, so that neither "
            "coefficient tells its own effect. Search one of them."
        )


def _decay_of_optimizer(spec: Mapping[str, Any], configuration: Configuration) -> str | None:
    """How the optimizer decays weights by itself; None where it does not."""
    if any(technique_of(name) == "weight_decay" for name in spec["space"]):
        return None  # searched, and off: then there is none at all
    optimizer = configuration.get("training.optimizer", spec.get("training", {}).get("optimizer", ""))
    given = optimizer if isinstance(optimizer, Mapping) else {"name": optimizer}
    known = OPTIMIZERS.get(str(given["name"]))
    decay = {**({} if known is None else known.arguments), **given}.get("weight_decay")
    return f"{given['name']}, {show_value(decay)}" if decay else None


def _patience_alone(situation: Situation) -> Iterator[str]:
    """Early stopping does all the work."""
    chosen = situation.choice.chosen
    if chosen is None or chosen.number == BASELINE_TRIAL:
        return
    stopping = _stopping_names(chosen.configuration)
    others = [name for name in chosen.configuration if technique_of(name) is not None and name not in stopping]
    if not stopping:
        return
    remedy = "Fewer epochs, and nothing else, may do as well."
    if not others:
        yield f"Early stopping is all that was chosen: it does all the work. {remedy}"
    elif situation.ablation is not None:
        if _is_alone(situation.ablation, stopping):
            yield f"Patience does all the work: without {', '.join(others)} the choice is no worse. {remedy}"
    elif (alone := _best_alone(situation, chosen)) is not None:
        yield (
            f"Patience may do all the work: trial {alone.number}, with early stopping alone, gains as much in the "
            f"search. `regsearch ablate` tells. {remedy}"
        )


def _stopping_names(names: Configuration) -> list[str]:
    return [name for name in names if isinstance(TECHNIQUES.get(technique_of(name) or ""), LoopTechnique)]


def _is_alone(ablation: Ablation, stopping: Sequence[str]) -> bool:
    """Whether the parts that stop runs are worth something, and no other part is."""
    worth = [(part.names[0] in stopping, part.worth) for part in ablation.parts]
    helping = [stops for stops, difference in worth if difference is not None and difference.is_certain]
    return bool(helping) and all(helping) and all(difference is not None for _, difference in worth)


def _best_alone(situation: Situation, chosen: Trial) -> Trial | None:
    """The best trial with nothing but early stopping, where it gains as much as the choice."""
    choice = situation.choice
    gain = choice.gain_of(chosen)
    if gain is None or gain <= 0:
        return None
    alone = [
        trial
        for trial in situation.trials
        if trial.configuration and len(_stopping_names(trial.configuration)) == len(trial.configuration)
    ]
    gains = [(found, trial) for trial in alone if (found := choice.gain_of(trial)) is not None]
    best = max(gains, key=lambda pair: pair[0], default=None)
    return best[1] if best is not None and best[0] >= _SAME_GAIN * gain else None


def _too_few_rows(situation: Situation) -> Iterator[str]:
    """Finalists that cannot be told apart, and how many rows would tell them."""
    rivals = situation.rivals
    if rivals is None or rivals.difference.low is None or rivals.difference.high is None:
        return
    difference, facts = rivals.difference, situation.study.facts
    half = (rivals.difference.high - rivals.difference.low) / 2
    if difference.mean == 0 or half <= abs(difference.mean) or half**2 > _MOST_ROWS * difference.mean**2:
        return
    n_rows = facts.rows.train + facts.rows.stop + facts.rows.validation
    enough = _rounded_up(n_rows * (half / difference.mean) ** 2)
    other = "the baseline" if rivals.second == BASELINE_TRIAL else f"trial {rivals.second}"
    amount = f"{show_value(abs(difference.mean))} {better(situation.study.direction, worse=difference.mean < 0)}"
    yield (
        f"{n_rows:,} rows are too few to tell trial {rivals.first} from {other} ({amount}, interval "
        f"{interval_in_words(difference)}): about {enough:,} would do, if the difference stays as it is and its error "
        "falls with the square root of the rows."
    )


def _rounded_up(number: float) -> int:
    """To two digits."""
    unit: int = 10 ** max(0, math.floor(math.log10(number)) - 1)
    return math.ceil(number / unit) * unit


def _nothing_to_gain(situation: Situation) -> Iterator[str]:
    """The rows that train are not learned by heart, so that regularization is not the problem."""
    losses = situation.losses
    if losses is None or losses.constant <= 0 or losses.train < _FAR_FROM_ZERO * losses.constant:
        return
    if losses.validation - losses.train <= _SMALL_GAP * losses.train:
        yield (
            f"Overfitting is not the problem: with {situation.study.facts.baseline_in_words} the loss is "
            f"{show_value(losses.train)} on the very rows that train, {show_value(losses.validation)} on others, and "
            f"{show_value(losses.constant)} for a constant guess. A larger model, more training or better features may "
            "gain more than regularization."
        )


def _coarse_metric(situation: Situation) -> Iterator[str]:
    """What the loss sees and a metric of decisions does not: of few rows, or of a rare class, few decisions change."""
    losses, lowest, study = situation.losses, situation.lowest, situation.study
    verdict = situation.choice.verdict
    if verdict is None or verdict.answer != "no gain" or losses is None or lowest is None:
        return
    if not study.facts.classes or study.metric in _SMOOTH_METRICS:
        return
    is_overfitted = losses.validation - losses.train > _SMALL_GAP * losses.train
    number, loss = lowest
    plain = study.facts.baseline_in_words
    if is_overfitted and loss < _LOWER_LOSS * losses.validation:
        yield (
            f"{study.metric} sees no gain, but the loss does: with {plain} it is {show_value(losses.train)} on the "
            f"rows that train and {show_value(losses.validation)} on others, where trial {number} has "
            f"{show_value(loss)}. Of few rows, or of a rare class, few decisions change: a study with objective.metric "
            '= "log_loss" sees more.'
        )


def _duplicates(situation: Situation) -> Iterator[str]:
    """Equal rows on both sides of a division."""
    for note in situation.study.notes:
        if note.startswith(EQUAL_ROWS):
            yield (
                f"{note} Scores are too good by what is known by heart: leave duplicates out, or name a column in "
                "split.groups that keeps them together."
            )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shown(number: float) -> str:
    return f"{number:g}"
