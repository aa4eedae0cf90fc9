"""What the user should know about a study before it runs, one line each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from search.data import Dataset, Splits
from search.models import SCALING_LAYERS, Beside, Front, OwnSearch, SavedModel, find_own, own_in_words
from search.spec import MOST_STARTUP_TRIALS, WIDEST_WINDOW, StudySpec
from search.techniques import (
    LoopTechnique,
    OptimizerTechnique,
    Technique,
    staging_techniques,
    techniques_of,
    watches_stop_rows,
)
from search.training import default_metric

_LEAST_SCORING_ROWS = 3
"""Rows of a class that score a run, below which its part of a score is one row or two."""

# Four judge; a trial that has no fifth run has nothing left to be saved.
_LEAST_RUNS_FOR_WILCOXON = 5


def study_notes(
    spec: StudySpec,
    development: Dataset,
    splits: Splits,
    saved: SavedModel | None,
    n_trials: int,
    searched: OwnSearch | None = None,
    front: Front | None = None,
    beside: Sequence[Beside] = (),
) -> tuple[str, ...]:
    """The notes on a study that is ready to run.

    Args:
        spec: The study, every default filled in.
        development: Its rows that are not sealed.
        splits: How they are divided.
        saved: The user's model; None for a family's.
        n_trials: Trials in all.
        searched: What is searched of what the model brings; None where it was not asked for.
        front: The frozen front of the model; None where it has none.
        beside: The outputs that train beside the study's.
    """
    return (
        *_output_notes(development, beside, spec.objective.outputs),
        *_class_notes(development, splits),
        *_stop_notes(spec),
        *_penalty_notes(spec),
        *_path_notes(spec),
        *_model_notes(spec, saved, front),
        *_own_notes(spec, saved, searched),
        *_loss_notes(spec),
        *search_notes(spec, n_trials),
        *_pruner_notes(spec, splits),
    )


def _output_notes(
    development: Dataset, beside: Sequence[Beside], weights: Mapping[str, float] | None
) -> tuple[str, ...]:
    """Which of several outputs the study is about."""
    if not beside:
        return ()
    trained = ", ".join(f'"{each.name}" (its loss times {each.loss.weight:g})' for each in beside)
    verb = "train" if len(beside) > 1 else "trains"
    return (
        f'The output "{development.output}" is scored; {trained} {verb} beside it. objective.output chooses, '
        "training.loss_weights weighs."
        if weights is None
        else f'The score is {_sum_in_words(development, weights)}; "{development.output}" stops runs, and {trained} '
        f"{verb} beside it.",
    )


def _sum_in_words(development: Dataset, weights: Mapping[str, float]) -> str:
    tasks = {each.name: each.task for each in development.named_outputs}
    return " + ".join(f"{w:g} times the {default_metric(tasks[name])} of {name}" for name, w in weights.items())


def _class_notes(development: Dataset, splits: Splits) -> tuple[str, ...]:
    """Classes of which too few rows score to tell anything."""
    if development.task == "regression":
        return ()
    n_classes = len(development.classes)
    scoring = [np.bincount(development.target[fold.validation], minlength=n_classes) for fold in splits.folds]
    rarest = np.min(scoring, axis=0)
    few = [index for index in range(n_classes) if rarest[index] < _LEAST_SCORING_ROWS]
    if not few:
        return ()
    index = min(few, key=lambda each: int(rarest[each]))
    label, total, scored = development.classes[index], int((development.target == index).sum()), int(rarest[index])
    share = min(len(fold.validation) for fold in splits.folds) / len(development)
    enough = math.ceil(_LEAST_SCORING_ROWS / share)
    return (
        f'Of class "{label}" {total} rows train and score, {scored} of them in the part that scores a run: '
        f"too few to tell how well it is recognized. About {enough} rows would do; or merge classes, or choose fewer "
        "folds.",
    )


def _stop_notes(spec: StudySpec) -> tuple[str, ...]:
    if spec.split.stop != "validation" or not watches_stop_rows(spec.space):
        return ()
    watching = " or ".join(known.name for known in techniques_of(spec.space) if _watches(known))
    return (
        'Early stopping watches the very rows that score (split.stop = "validation"), as many tutorials do: '
        f"scores of configurations with {watching} are too good by as much as it chose its epoch on them.",
    )


def _watches(technique: Technique) -> bool:
    return isinstance(technique, LoopTechnique) and technique.watches_stop_rows


def _penalty_notes(spec: StudySpec) -> tuple[str, ...]:
    shrinking = [known for known in techniques_of(spec.space) if known.shrinks_weights]
    penalty = next((known.name for known in shrinking if known.is_penalty), None)
    decay = next((known.name for known in shrinking if isinstance(known, OptimizerTechnique)), None)
    if penalty is None or decay is None:
        return ()
    return (
        f"{decay} and {penalty} both shrink weights, but not alike: {penalty} is part of the loss, whose gradients an "
        f"adaptive optimizer rescales; {decay} takes its share off the weights themselves. With both on, neither "
        "coefficient tells its own effect.",
    )


def _path_notes(spec: StudySpec) -> tuple[str, ...]:
    return tuple(
        f"A run along a {staging.name} trains up to {spec.training.epochs} epochs at each of its stages: part of what "
        "it gains over the baseline may be longer training. `regsearch compare` with a study of more epochs tells."
        for staging in staging_techniques(spec.space)
    )


def _model_notes(spec: StudySpec, saved: SavedModel | None, front: Front | None) -> tuple[str, ...]:
    if saved is None:
        return ()
    notes = []
    if spec.model.custom is not None:
        notes.append(f"{spec.model.custom} is run, here and by every worker: the model is made of what it defines.")
    if saved.is_subclassed:
        last = next(iter(saved.outputs), "none")
        notes.append(
            f"The model calls its layers in code of its own: no technique can put anything between them, and {last}, "
            "its last layer with weights, is taken to be the one that predicts."
        )
    if front is not None:
        last = [layer.name for layer in saved.layers if layer.name in front.names][-1]
        notes.append(f"The frozen layers up to {last} compute each row once: what they make of it is kept.")
    if saved.variants:
        notes.append(f"The builder was called for {len(saved.variants)} choices of its options.")
    if spec.data.standardize and saved.layers and saved.layers[0].path in SCALING_LAYERS:
        notes.append(
            f"Inputs are standardized, and then the model scales them itself ({saved.layers[0].name}): probably "
            "data.standardize = false is what you want."
        )
    return tuple(notes)


def _own_notes(spec: StudySpec, saved: SavedModel | None, searched: OwnSearch | None) -> tuple[str, ...]:
    named = "; ".join(own_in_words(find_own(saved.layers))) if saved is not None else ""
    if searched is None:
        if not named:
            return ()
        if spec.model.own == "strip":
            return (f"The model comes without its own {named}.",)
        instead = '[model] own = "strip" takes that out, "search" tries less of it.'
        return (f"The baseline is the model as given: {named}. {instead}",)
    if not named:
        return ('The model brings nothing of its own, so that [model] own = "search" adds nothing to [space].',)
    notes = [f"The baseline is the model as given: {named}."]
    if searched.entries:
        notes[0] += f" What it brings is searched: {', '.join(searched.entries)}."
    notes += [
        f"{name} takes the place of what the model brings in all layers that it reaches; 0 is not among its values. To "
        f'try that, name the layers instead: "LAYER.{name}".'
        for name in searched.shared
    ]
    if searched.left:
        left = "; ".join(own_in_words(searched.left))
        notes.append(f"No technique takes the place of {left}: that stays in every trial.")
    return tuple(notes)


def _loss_notes(spec: StudySpec) -> tuple[str, ...]:
    if not spec.training.has_own_loss:
        return ()
    return (
        f"Runs minimize {spec.training.loss}, a function of your own; scores are those of the metric. An exported "
        "model is compiled without a loss, for it could not be loaded without your code: compile it anew to train it.",
    )


def search_notes(spec: StudySpec, n_trials: int) -> tuple[str, ...]:
    """What depends on keys that a study that was begun keeps; arguments as in `study_notes`."""
    notes = []
    if spec.study.pruner == "racing":
        notes.append(
            'Trials are raced (pruner = "racing"): one that is clearly worse after some epochs, or after some of its '
            'runs, is given up. To train them all, set study.pruner = "none".'
        )
    told = spec.study.n_startup_trials or MOST_STARTUP_TRIALS
    first = told + (spec.study.window or WIDEST_WINDOW) - 1
    if spec.study.sampler == "tpe" and n_trials <= first:
        notes.append(
            f"TPE proposes at random until {told} trials have been told, here up to trial {first - 1}: "
            f"a study of {n_trials} trials is a random search. Raise n_trials, or lower "
            "study.window or study.n_startup_trials."
        )
    return tuple(notes)


def _pruner_notes(spec: StudySpec, splits: Splits) -> tuple[str, ...]:
    n_runs = len(splits.folds) * spec.objective.seeds
    if spec.study.pruner == "wilcoxon" and n_runs < _LEAST_RUNS_FOR_WILCOXON:
        return (
            f"The Wilcoxon test can tell nothing from fewer than four runs: a study of {n_runs} runs a trial prunes "
            'none. Raise objective.seeds or the folds, or choose pruner = "median".',
        )
    return ()
