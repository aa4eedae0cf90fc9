"""What is refused once a study's choices, its data and its model are seen beside each other."""

from __future__ import annotations

from collections.abc import Sequence

from search.data import Dataset, Fold, Splits, TargetScale
from search.errors import Problem, StudyFileError
from search.models import Architecture, SavedModel, check_own_loss, check_patterns, study_loss, targets_for
from search.preparation.architectures import architectures, check_unfreeze
from search.preparation.facts import row_weights, training_rows
from search.preparation.resolving import Place
from search.spec import StudySpec
from search.techniques import TECHNIQUES, BatchTechnique, staging_techniques, watches_stop_rows
from search.training import OwnMetric, TrainingPlan, default_metric

_MOST_RUNS = 10_000_000
"""Of a search, and of a confirmation: of the shortest runs that there are, at 10 ms, a day and more."""


def check_study(
    spec: StudySpec,
    development: Dataset,
    splits: Splits,
    plain: Sequence[Architecture],
    saved: SavedModel | None,
    own_metric: OwnMetric | None,
    place: Place,
) -> None:
    """Refuse what does not go together.

    Args:
        spec: The study, resolved.
        development: Its rows without the sealed ones.
        splits: How they are divided.
        plain: The architectures that may be trained, without techniques.
        saved: The user's model; None for a family's.
        own_metric: The user's metric; None for one of `METRICS`.
        place: Where a table and a key stand.

    Raises:
        StudyFileError: Something does not.
    """
    _check_patterns(spec, plain, development, place)
    check_unfreeze(spec, plain[0], place)
    _check_pruner(spec, place)
    _check_metric_of_epochs(spec, own_metric, place)
    _check_outputs(spec, development, place)
    _check_loss(spec, place)
    _check_weights(spec, development, splits, place)
    _check_scaling(spec, saved, place)


def _check_patterns(spec: StudySpec, plain: Sequence[Architecture], dataset: Dataset, place: Place) -> None:
    phase = spec.training.unfreeze
    problems = check_patterns(plain, tuple(spec.space), dataset.task, () if phase is None else phase.layers)
    if problems:
        raise StudyFileError([Problem(place("space", name), text, remedy) for name, text, remedy in problems])


def _check_pruner(spec: StudySpec, place: Place) -> None:
    staging = [technique.name for technique in staging_techniques(spec.space)]
    if spec.study.pruner not in ("auto", "none") and staging:
        message = (
            f'expected pruner = "none" with {staging[0]} in [space], received "{spec.study.pruner}": '
            f"runs along a {staging[0]} are longer than others, so that their epochs tell nothing of one another"
        )
        raise StudyFileError(Problem(place("study", "pruner"), message, "Leave out one of the two."))


def _check_metric_of_epochs(spec: StudySpec, own_metric: OwnMetric | None, place: Place) -> None:
    if own_metric is not None and spec.study.pruner in ("median", "hyperband") and spec.training.engine != "fit":
        message = (
            f'expected pruner = "none" or "wilcoxon" with metric = "{own_metric.name}", received '
            f'"{spec.study.pruner}": a program cannot call a function of yours after each epoch, so that no run tells '
            "how it goes before its end"
        )
        remedy = 'Or set training.engine = "fit", which does call it.'
        raise StudyFileError(Problem(place("study", "pruner"), message, remedy))


def _check_outputs(spec: StudySpec, development: Dataset, place: Place) -> None:
    """Refuse a sum over outputs that cannot be had."""
    weights = spec.objective.outputs
    if weights is None:
        return
    known, where = [each.name for each in development.named_outputs], place("objective", "outputs")
    for name in weights:
        if name not in known:
            received = f'"{name}"' if known else "data with one target"
            message = f"expected outputs to be among {', '.join(known) or 'those of the data'}, received {received}"
            raise StudyFileError(Problem(where, message))
    if development.output not in weights:
        message = f"expected the output that the study is about among outputs, received none of {development.output}"
        raise StudyFileError(Problem(where, message, "Give it a number, or leave objective.output out."))
    if spec.objective.metric_name != default_metric(development.task):
        message = f'expected no metric beside outputs, received "{spec.objective.metric_name}"'
        raise StudyFileError(Problem(place("objective", "metric"), message, "Each scores by log_loss or mse."))
    if spec.study.pruner not in ("auto", "none", "wilcoxon"):
        message = f'expected pruner = "none" or "wilcoxon" beside outputs, received "{spec.study.pruner}"'
        raise StudyFileError(Problem(place("study", "pruner"), message, "The sum is known at the end of a run alone."))


def _check_loss(spec: StudySpec, place: Place) -> None:
    """Refuse techniques that a loss or an optimizer does not go with."""
    problems, loss = [], study_loss(spec.training)
    for name in spec.space:
        technique = TECHNIQUES.get(name)
        if loss is not None and not loss.known.takes_shares and isinstance(technique, BatchTechnique):
            message = f"expected a loss that knows labels between two classes, received {loss.name}"
            problems.append(Problem(place("space", name), message, "Leave out one of the two."))
    if "weight_decay" in spec.space and spec.training.optimizer_arguments.get("weight_decay") is not None:
        message = "expected weight_decay in [space] or of the optimizer, received both"
        problems.append(Problem(place("space", "weight_decay"), message, "Leave out one of the two."))
    problems += _unfit_rate(spec, place)
    if problems:
        raise StudyFileError(problems)


def _unfit_rate(spec: StudySpec, place: Place) -> list[Problem]:
    """What is wrong with a learning rate beside a schedule that holds its own."""
    values = () if spec.training.schedule is None else spec.training.schedule.arguments.get("values", ())
    if not values:
        return []
    problems = []
    if spec.training.learning_rate != values[0]:
        message = f"expected {values[0]:g}, with which the schedule begins, received {spec.training.learning_rate:g}"
        problems.append(Problem(place("training", "learning_rate"), message))
    if "training.learning_rate" in spec.space:
        message = "expected a learning rate that is not searched, since the schedule holds its values, received it"
        problems.append(Problem(place("space", "training.learning_rate"), message, "Leave out one of the two."))
    return problems


def _check_weights(spec: StudySpec, development: Dataset, splits: Splits, place: Place) -> None:
    """Refuse folds of which no row counts: nothing scores, trains, or stops a run."""
    for number, fold in enumerate(splits.folds, start=1):
        if use := uncounted_use(spec, development, fold):
            message = f"expected rows that {use} with a weight above 0 in every fold, received fold {number} with none"
            raise StudyFileError(Problem(place("split"), message, "Leave rows of weight 0 out of the data."))


def uncounted_use(spec: StudySpec, development: Dataset, fold: Fold) -> str | None:
    """What the rows of a fold are for of which none counts: `train`, say; None where some count for each use."""
    stops = watches_stop_rows(spec.space)
    uses = {"train": fold.train if stops else training_rows(fold), "score": fold.validation}
    for use, rows in (uses | ({"stop a run": fold.stop} if stops else {})).items():
        if (weight := row_weights(development, rows)) is not None and not weight.any():
            return use
    return None


def _check_scaling(spec: StudySpec, saved: SavedModel | None, place: Place) -> None:
    """Refuse to scale whole numbers that the user's model takes as names of things."""
    if spec.data.standardize and saved is not None and saved.whole:
        message = f"expected false, for the model takes whole numbers ({', '.join(saved.whole)}), received true"
        remedy = "Scale the other inputs in the model: keras.layers.Normalization."
        raise StudyFileError(Problem(place("data", "standardize"), message, remedy))


def try_own_loss(plan: TrainingPlan, folder: str, place: Place) -> None:
    """Try the loss on a few rows, where it is a function of the user's.

    Raises:
        StudyFileError: It fails, or what it returns is no loss.
    """
    if plan.loss is None:
        return
    spec, development = plan.spec, plan.dataset
    loss = architectures(spec, development, plan.saved, place)[0].loss
    target = development.target
    if development.scale_target:
        target = TargetScale.fit(target).scaled(target)
    check_own_loss(
        plan.loss,
        loss,
        targets_for(loss, target, len(development.classes)),
        1 if loss.form == "column" and development.task != "regression" else development.n_outputs,
        place("training", "loss"),
        folder=folder,
        timeout_seconds=spec.data.timeout_seconds,
    )


def check_runs(spec: StudySpec, n_trials: int, n_folds: int, place: Place) -> None:
    """Refuse more runs than a database holds and anybody waits for."""
    of_search, confirm = n_trials * n_folds * spec.objective.seeds, spec.confirm
    of_confirmation = confirm.finalists * (0 if confirm.repeats == "auto" else confirm.repeats)
    problems = []
    if of_search > _MOST_RUNS:
        message = (
            f"expected at most {_MOST_RUNS:,} runs, received {n_trials:,} trials of {of_search // n_trials:,} runs"
        )
        problems.append(Problem(place("study", "n_trials"), message, "Lower n_trials, objective.seeds or the folds."))
    if of_confirmation > _MOST_RUNS:
        message = (
            f"expected at most {_MOST_RUNS:,} runs, received {confirm.finalists:,} finalists of {confirm.repeats:,}"
        )
        problems.append(Problem(place("confirm", "repeats"), message, "Lower confirm.repeats or confirm.finalists."))
    if problems:
        raise StudyFileError(problems)
