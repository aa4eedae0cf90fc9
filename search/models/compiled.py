"""What a compiled model tells of its training: optimizer, schedule and loss, with their arguments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from search.models.archive import Config
from search.models.ends import make_loss
from search.models.losses import LOSSES, Loss, loss_name
from search.models.optimizers import OPTIMIZERS, REFUSED_ARGUMENTS, SCHEDULES, KerasClass, name_of_class
from search.techniques.private import loss_arguments

_EVERYWHERE = frozenset({"name", "dtype", "reduction", "axis", "fn"})
_EMA = frozenset({"ema_momentum", "ema_overwrite_frequency"})
_MEANS = ("sum_over_batch_size", "mean", "auto")


@dataclass(frozen=True)
class Compiled:
    """How a model was compiled, as far as a study can say it.

    Args:
        training: Keys of [training] to their values: `optimizer`, `learning_rate` and `schedule`.
        loss: The loss of its only output; None when it has none.
        losses: The loss of each of several outputs by its name, None for one that does not train; empty where the model
            was not compiled, or has one output.
        refused: `optimizer` or `loss` to what of it a study cannot take over, in words.
        metrics: Its metrics, as Keras writes them down.
        own_loss: `FILE.py:NAME` of its loss, where that is one of the user's own.
    """

    training: Mapping[str, Any] = field(default_factory=dict)
    loss: Loss | None = None
    refused: Mapping[str, str] = field(default_factory=dict)
    metrics: tuple[Any, ...] = ()
    own_loss: str | None = None
    losses: Mapping[str, Loss | None] = field(default_factory=dict)

    def of_output(self, name: str) -> Compiled:
        """The same of a model that has that output alone."""
        return replace(self, loss=self.losses.get(name)) if self.losses else self


class _RefusedError(ValueError):
    """Something that a study cannot take over, in words."""


_MALFORMED = (AttributeError, IndexError, KeyError, TypeError, ValueError)
"""What is raised where a file holds something else than Keras writes."""


def read_compiled(config: Config, custom: str | None = None, outputs: Sequence[str] = ()) -> Compiled:
    """How the model of an archive was compiled; nothing when it was not.

    Args:
        config: The model.
        custom: The user's file that defines what is not Keras' own; None where there is none.
        outputs: Names of the model's outputs.
    """
    compiled = config.get("compile_config") or {}
    training, loss, refused = dict[str, Any](), None, dict[str, str]()
    losses = dict[str, Loss | None]()
    own_loss = None if custom is None else _own_loss(compiled.get("loss"), custom)
    try:
        training = _training(compiled.get("optimizer"))
    except _RefusedError as error:
        refused["optimizer"] = str(error)
    except _MALFORMED:
        refused["optimizer"] = "an optimizer that the file does not tell as Keras does"
    try:
        if len(outputs) > 1:
            losses = _losses(compiled, outputs)
        elif own_loss is None:
            loss = _loss(compiled.get("loss"), _weight(compiled.get("loss_weights")))
    except _RefusedError as error:
        refused["loss"] = str(error)
    except _MALFORMED:
        refused["loss"] = "a loss that the file does not tell as Keras does"
    return Compiled(training, loss, refused, tuple(_metrics(compiled.get("metrics"))), own_loss, losses)


def _losses(compiled: Mapping[str, Any], outputs: Sequence[str]) -> dict[str, Loss | None]:
    """The loss of each output, weighed as the model was compiled; nothing where it was not."""
    told, weights = compiled.get("loss"), compiled.get("loss_weights")
    if told is None:
        return {}
    if isinstance(told, str) or (isinstance(told, Mapping) and "class_name" in told):
        told = dict.fromkeys(outputs, told)
    of_output, weighs = (
        each if isinstance(each, Mapping) else dict(zip(outputs, each or (), strict=False)) for each in (told, weights)
    )
    if strange := [name for name in (*of_output, *weighs) if name not in outputs]:
        raise _RefusedError(f"a loss of the output {strange[0]}, which it does not have")
    return {name: _loss(of_output.get(name), _weight(weighs.get(name))) for name in outputs}


def _own_loss(told: Any, custom: str) -> str | None:
    """The loss of the user's own that a model was compiled with: a function, or a class without arguments."""
    if not isinstance(told, Mapping) or str(told.get("module", "")).partition(".")[0] == "keras":
        return None
    if told.get("class_name") == "function":
        name = str(told["config"]).rpartition(">")[2]
        return None if loss_name(name) is not None and "module" not in told else f"{custom}:{name}"
    arguments = {key: value for key, value in (told.get("config") or {}).items() if key not in _EVERYWHERE}
    return None if arguments or "class_name" not in told else f"{custom}:{told['class_name']}"


def loss_in_memory(loss: Any) -> dict[str, Any] | None:
    """The loss of a model in memory as a study file writes it, where Keras does not write it down whole; else None."""
    if type(loss).__name__ != "Huber" or type(loss).__module__.partition(".")[0] != "keras":
        return None
    return {"name": "huber", **loss_arguments(loss)}


def is_own_loss(loss: Any) -> bool:
    """Whether the loss of a model in memory is a function of the user's that bears the name of one of Keras.

    A file tells the two apart as little as Keras does when it loads it.
    """
    name, module = getattr(loss, "__name__", ""), getattr(loss, "__module__", None) or ""
    return loss_name(name) is not None and module.partition(".")[0] != "keras"


def loss_setting(loss: Loss) -> Any:
    """A loss as a study file writes it."""
    arguments = dict(loss.arguments) | ({} if loss.weight == 1 else {"weight": loss.weight})
    return {"name": loss.name, **arguments} if arguments else loss.name


def _training(optimizer: Any) -> dict[str, Any]:
    if optimizer is None:
        return {}
    if isinstance(optimizer, str):
        optimizer = {"class_name": optimizer, "config": {}}
    name = name_of_class(OPTIMIZERS, optimizer["class_name"])
    if name is None and optimizer["class_name"].lower() in OPTIMIZERS:
        name = optimizer["class_name"].lower()
    if name is None or optimizer.get("module", "keras.optimizers") != "keras.optimizers":
        raise _RefusedError(f"the optimizer {optimizer['class_name']}")
    config = dict(optimizer["config"])
    rate = config.pop("learning_rate", None)
    arguments = _arguments(OPTIMIZERS[name], config, f"the optimizer {name}")
    told: dict[str, Any] = {"optimizer": {"name": name, **arguments} if arguments else name}
    return told | _rate(rate)


def _rate(rate: Any) -> dict[str, Any]:
    if rate is None:
        return {}
    if isinstance(rate, int | float):
        return {"learning_rate": float(f"{rate:.7g}")}  # what float32 holds, without the digits that it adds
    name = name_of_class(SCHEDULES, rate.get("class_name", ""))
    if name is None or rate.get("module") != "keras.optimizers.schedules":
        raise _RefusedError(f"the schedule {rate.get('class_name', rate)} of the learning rate")
    config = dict(rate["config"])
    first = config.pop("initial_learning_rate", None)
    arguments = _arguments(SCHEDULES[name], config, f"the schedule {name}")
    if first is None:
        first = arguments["values"][0]
    return {"learning_rate": float(first), "schedule": {"name": name, **arguments}}


def _arguments(known: KerasClass, config: Mapping[str, Any], what: str) -> dict[str, Any]:
    """The arguments that are not at their defaults."""
    arguments = {}
    for name, value in config.items():
        if name in known.arguments:
            if value != known.arguments[name]:
                arguments[name] = value
        elif name in REFUSED_ARGUMENTS:
            if value:
                raise _RefusedError(f"{name} = {value} of {what}")
        elif value and name not in _EVERYWHERE | _EMA:
            raise _RefusedError(f"{name} = {value} of {what}")
    return arguments


def _weight(weights: Any) -> float:
    """The weight of the one output that there is, or that it is of."""
    if isinstance(weights, Mapping):
        weights = list(weights.values())
    if isinstance(weights, list | tuple):
        weights = weights[0] if weights else None
    return 1.0 if weights is None else float(weights)


def _loss(told: Any, weight: float) -> Loss | None:
    while not isinstance(told, str):
        if told is None:
            return None
        if isinstance(told, Mapping) and "class_name" in told:
            return _described_loss(told, weight)
        inner = list(told.values()) if isinstance(told, Mapping) else list(told)
        if len(inner) != 1:
            raise _RefusedError(f"{len(inner)} losses")
        (told,) = inner
    name = loss_name(told)
    if name is None:
        raise _RefusedError(f"the loss {told}")
    return make_loss(name, {"weight": weight})


def _described_loss(told: Mapping[str, Any], weight: float) -> Loss:
    """The loss of an object that Keras wrote down: an instance of a class, or a function."""
    if told["class_name"] == "function":
        name = loss_name(str(told["config"]))
        if name is None:
            raise _RefusedError(f"the loss {told['config']}, a function of its own")
        return make_loss(name, {"weight": weight})
    if told["class_name"] == "__lambda__":
        raise _RefusedError("a lambda function as its loss")
    name = loss_name(told["class_name"])
    if name is None or told.get("module") != "keras.losses":
        raise _RefusedError(f"the loss {told['class_name']}")
    config, defaults = told["config"], LOSSES[name].arguments
    if config.get("reduction", "mean") not in _MEANS:
        raise _RefusedError(f"reduction = {config['reduction']} of the loss {name}")
    if config.get("axis", -1) != -1:
        raise _RefusedError(f"axis = {config['axis']} of the loss {name}")
    for argument, value in config.items():
        if argument not in defaults and argument not in _EVERYWHERE and value is not None:
            raise _RefusedError(f"{argument} = {value} of the loss {name}")
    if missing := [argument for argument in defaults if argument not in config]:
        # keras.losses.Huber.get_config, Keras 3.15: the delta is lost.
        raise _RefusedError(f"the loss {told['class_name']}, whose {missing[0]} Keras does not write down")
    return make_loss(name, {**{key: config[key] for key in defaults if key in config}, "weight": weight})


def _metrics(told: Any) -> list[Any]:
    """Metrics of Keras itself; others change nothing in training, and cannot be made without their code."""
    if isinstance(told, Mapping) and "class_name" not in told:
        told = [each for entry in told.values() for each in (entry if isinstance(entry, list) else [entry])]
    listed = told if isinstance(told, list) else []
    flat = [each for entry in listed for each in (entry if isinstance(entry, list) else [entry])]
    return [each for each in flat if isinstance(each, str) or _is_kerass(each)]


def _is_kerass(entry: Any) -> bool:
    return isinstance(entry, Mapping) and str(entry.get("module", "")).startswith("keras.")
