"""Every default of a study that depends on its data or its model is filled in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from search.data import Dataset, is_coded, is_one_hot
from search.errors import Problem, StudyFileError
from search.models import FAMILIES, SavedModel, loss_setting, study_loss
from search.spec import TASK_LOSS, Called, StudySpec, TrainingSection
from search.training import METRICS, default_metric

Place = Callable[..., str]
"""Table and key to where they stand in the study file."""

_TAUGHT = ("optimizer", "learning_rate", "schedule", "loss")
"""Keys of [training] that a compiled model tells."""

_INSTEAD = {
    "optimizer": "Set training.optimizer to one of Keras, with its arguments.",
    "loss": 'Set training.loss to one of Keras, with its arguments, to "FILE.py:function" for one of your own, or to '
    f'"{TASK_LOSS}" for what fits the task.',
}


def resolve_study(
    spec: StudySpec, dataset: Dataset, saved: SavedModel | None, place: Place
) -> tuple[StudySpec, frozenset[str]]:
    """A study with its defaults, and the dotted keys whose default an earlier version did not know.

    Args:
        spec: A valid study.
        dataset: Its data.
        saved: The user's model; None for a family's.
        place: Where a table and a key stand, for errors.

    Raises:
        StudyFileError: The metric is not for such data, or the model was compiled with what a study cannot train with.
    """
    left_open = {f"study.{key}" for key in ("window", "n_startup_trials") if getattr(spec.study, key) is None}
    left_open |= {"study.pruner"} if spec.study.pruner == "auto" else set()
    left_open |= set() if spec.data.scale_target is not None else {"data.scale_target"}
    if saved is not None:
        left_open |= {f"training.{key}" for key in _TAUGHT if key not in spec.training.model_fields_set}
        left_open |= set() if spec.model.own is not None else {"model.own"}
    metric = spec.objective.metric or default_metric(dataset.task)
    name = spec.objective.metric_name or default_metric(dataset.task)
    _check_task(spec, dataset, name, place)
    _check_k(spec, dataset, place)
    direction = _own_direction(spec, name, place)
    _check_class_weight(spec, dataset, place)
    defaults = FAMILIES[spec.model.family].defaults if spec.model.family else {"weights": "fresh", "own": "keep"}
    left_out = {key: value for key, value in defaults.items() if getattr(spec.model, key) is None}
    training = spec.training.model_copy(update=taught_settings(spec.training, saved, place, dataset.output))
    data: dict[str, Any] = {"task": "classification", "standardize": dataset.standardize}
    if dataset.options.date_formats:
        data["dates"] = dict(dataset.options.date_formats)
    if dataset.has_gaps:
        data["missing"] = dataset.options.missing
    spec = spec.model_copy(
        update={
            "study": spec.study.fitted(),
            "model": spec.model.model_copy(update=left_out),
            "objective": spec.objective.model_copy(update={"metric": metric, "direction": direction}),
            "training": training,
        }
    )
    if dataset.task == "regression":
        data |= {"task": "regression", "scale_target": _scales_target(spec, saved)}
    return spec.model_copy(update={"data": spec.data.model_copy(update=data)}), frozenset(left_open)


def tells_classes(saved: SavedModel | None, dataset: Dataset) -> bool:
    """Whether numbers to predict are classes, since the user's model predicts probabilities and they look like such."""
    if saved is None or dataset.task != "regression":
        return False
    end = next((each for each in saved.ends if each.name == dataset.output), saved.ends[0])
    loss = saved.compiled.of_output(dataset.output).loss
    by_loss = loss is not None and loss.known.predicts == "probabilities"
    return (by_loss or end.activation in ("sigmoid", "softmax")) and (
        is_one_hot(dataset.target) or (dataset.target.ndim == 1 and is_coded(dataset.target))
    )


def _check_task(spec: StudySpec, dataset: Dataset, metric: str, place: Place) -> None:
    if metric in METRICS and dataset.task not in METRICS[metric].tasks:
        fitting = ", ".join(name for name, known in METRICS.items() if dataset.task in known.tasks)
        raise StudyFileError(
            Problem(
                place("objective", "metric"),
                f"expected a metric for {_in_words(dataset)}, received {metric!r}".replace("'", '"'),
                f"Choose one of {fitting}; or set data.task when the target was taken for the wrong kind.",
            )
        )
    if dataset.task != "regression" and spec.data.scale_target:
        message = f"expected no scale_target for {_in_words(dataset)}, received true"
        raise StudyFileError(Problem(place("data", "scale_target"), message))


def _check_k(spec: StudySpec, dataset: Dataset, place: Place) -> None:
    """Refuse a number of likeliest classes among which the true one always or never is."""
    asked, most = spec.objective.metric, len(dataset.classes) - 1
    k = asked.arguments.get("k", 2) if isinstance(asked, Called) else 2
    if isinstance(asked, Called) and asked.name == "top_k" and (not isinstance(k, int) or not 1 <= k <= most):
        message = f"expected k to be a whole number from 1 to {most}, below the number of classes, received {k}"
        raise StudyFileError(Problem(place("objective", "metric"), message))


def _own_direction(spec: StudySpec, metric: str, place: Place) -> Literal["minimize", "maximize"] | None:
    """The direction of a metric of the user's; None of one that knows its own, which a file may repeat."""
    given = spec.objective.direction
    if metric not in METRICS:
        return given
    if given not in (None, METRICS[metric].direction):
        message = f'expected "{METRICS[metric].direction}", since metric = "{metric}", received "{given}"'
        raise StudyFileError(Problem(place("objective", "direction"), message, "Leave it out: the metric knows it."))
    return None


def _check_class_weight(spec: StudySpec, dataset: Dataset, place: Place) -> None:
    weights = spec.training.class_weight
    searched = "training.class_weight" in spec.space
    if dataset.task == "regression" and (weights != "none" or searched):
        message = f"expected no class_weight for {_in_words(dataset)}, received it"
        raise StudyFileError(Problem(place("training", "class_weight"), message))
    if isinstance(weights, dict) and (unknown := [label for label in weights if label not in dataset.classes]):
        known = ", ".join(f'"{label}"' for label in dataset.classes[:20])
        message = f'expected class_weight to name classes of the target, received "{unknown[0]}"'
        raise StudyFileError(Problem(place("training", "class_weight"), message, f"They are {known}."))


def _in_words(dataset: Dataset) -> str:
    if dataset.task == "regression":
        return "regression (the target is a number)"
    return f"classification (the target has {len(dataset.classes)} classes)"


def taught_settings(
    training: TrainingSection, saved: SavedModel | None, place: Place, output: str = ""
) -> dict[str, Any]:
    """The keys of [training] that a study leaves to its compiled model, and what that tells.

    Args:
        training: The table as it was given.
        saved: The user's model; None for a family's.
        place: Where a table and a key stand, for errors.
        output: Of several outputs the one that the study is about.

    Raises:
        StudyFileError: The model was compiled with what a study cannot train with.
    """
    given = training.model_fields_set
    told: dict[str, Any] = {} if "loss" in given and training.loss is not None else {"loss": TASK_LOSS}
    if saved is None:
        return told
    compiled = saved.compiled.of_output(output)
    problems = [
        Problem(
            place("model"), f"expected a model compiled with what a study trains with, received {what}", _INSTEAD[key]
        )
        for key, what in compiled.refused.items()
        if key not in given
    ]
    if problems:
        raise StudyFileError(problems)
    if "loss" in told and compiled.own_loss is not None:
        told["loss"] = compiled.own_loss
    elif "loss" in told and compiled.loss is not None:
        told["loss"] = _as_setting(loss_setting(compiled.loss))
    if "optimizer" not in given:
        rate = () if given & {"learning_rate", "schedule"} else ("learning_rate", "schedule")
        told |= {key: _as_setting(compiled.training[key]) for key in ("optimizer", *rate) if key in compiled.training}
    return told


def _as_setting(value: Any) -> Any:
    return Called.model_validate(value) if isinstance(value, dict) else value


def _scales_target(spec: StudySpec, saved: SavedModel | None) -> bool:
    """Whether targets are scaled: as the file says, else where neither loss nor model know a unit."""
    if spec.data.scale_target is not None:
        return spec.data.scale_target
    loss = study_loss(spec.training)
    if saved is None:
        return loss is None or loss.known.suits_scaled
    free = saved.predicts_at_its_end and not saved.keeps_weights
    return free and (loss is None or loss.known.knows_no_unit)
