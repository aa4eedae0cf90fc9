"""A model as a Python file that needs Keras and nothing else."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any, TypeGuard

from search.models.architecture import Architecture
from search.models.building import describe_optimizer
from search.records import Setting
from search.spec import TrainingSection
from search.techniques import (
    TECHNIQUES,
    InputTechnique,
    LayerTechnique,
    LoopTechnique,
    OptimizerTechnique,
    Technique,
    techniques_of,
    watches_stop_rows,
)
from search.techniques.parts import Part

_NOTHING: Mapping[str, Any] = MappingProxyType({})

_TEMPLATE = '''\
{comment}import keras

EPOCHS = {epochs}
BATCH_SIZE = {batch_size}
{early_stopping}

def build_model():
    """Build and compile the model; train it with `fit({fit_arguments})`."""
    model = keras.Sequential(
        [
            {layers},
        ],
        name="{name}",
    )
    {optimizer}model.compile({compile_arguments})
    return model


if __name__ == "__main__":
    build_model().summary()
'''

_EARLY_STOPPING = """\

# Watches the loss of the validation_data that you give to fit, without penalties: Keras' own val_loss contains them.
EARLY_STOPPING = keras.callbacks.EarlyStopping(
    monitor="val_{loss}", mode="min", {settings}, restore_best_weights=True
)
"""


def render_source(
    architecture: Architecture,
    training: TrainingSection,
    configuration: Mapping[str, Setting] = _NOTHING,
    comment: str = "",
    names: Collection[str] = (),
) -> str:
    """A Python file whose `build_model()` returns the very same model, compiled.

    Args:
        architecture: The model of a family, techniques included.
        training: Optimizer, learning rate, epochs and batch size.
        configuration: The techniques that are on. What neither model nor optimizer can hold is named in a comment.
        comment: What the file should say at its top, one or more lines without `#`.
        names: Every name in [space].
    """
    stopping = _stopping_arguments(configuration)
    optimizer = _render_part(describe_optimizer(training, configuration, names))
    finishing = [line for x in techniques_of(configuration) if isinstance(x, OptimizerTechnique) for line in x.source]
    compiled = f"optimizer={'optimizer' if finishing else optimizer}, loss={architecture.loss.source()}"
    # As a metric, Keras takes the loss only of targets that have the predictions' rank.
    column = stopping and architecture.loss.form != "indices"
    fitted = f"x, {'y.reshape(len(y), -1)' if column else 'y'}, epochs=EPOCHS, batch_size=BATCH_SIZE"
    if stopping:
        compiled += f", metrics=[{architecture.loss.source()}]"
        fitted += ", validation_data=..., callbacks=[EARLY_STOPPING]"
    layers = [f"keras.Input({architecture.input_shape!r})", *map(_render_part, architecture.chain)]
    notes = [*comment.splitlines(), *_left_out(configuration, stopping)]
    return _TEMPLATE.format(
        comment="".join(f"# {line}".rstrip() + "\n" for line in notes) + ("\n" if notes else ""),
        epochs=training.epochs,
        batch_size=training.batch_size,
        layers=",\n            ".join(layers),
        name=architecture.name,
        early_stopping=_EARLY_STOPPING.format(loss=architecture.loss.name, settings=stopping) if stopping else "",
        optimizer="\n    ".join([f"optimizer = {optimizer}", *finishing, ""]) if finishing else "",
        compile_arguments=compiled,
        fit_arguments=fitted,
    )


def _stopping_arguments(configuration: Mapping[str, Setting]) -> str:
    """What Keras' own early stopping is told; empty when nothing that it knows watches the stop rows."""
    told = {known.name: known.keras_argument for known in techniques_of(configuration) if _is_known_to_keras(known)}
    if not watches_stop_rows(told):
        return ""
    return ", ".join(f"{argument}={configuration[name]!r}" for name, argument in told.items())


def _is_known_to_keras(technique: Technique) -> TypeGuard[LoopTechnique]:
    return isinstance(technique, LoopTechnique) and technique.keras_argument is not None


def _left_out(configuration: Mapping[str, Setting], stopping: str) -> list[str]:
    """Techniques that act on rows, steps or runs: with Keras alone they take code of their own."""
    held = LayerTechnique | InputTechnique | OptimizerTechnique
    missing = [
        f"{name} = {value}"
        for name, value in configuration.items()
        if name in TECHNIQUES
        and not isinstance(TECHNIQUES[name], held)
        and not (stopping and _is_known_to_keras(TECHNIQUES[name]))
    ]
    return (
        ["", f"Not in this file, for training needs code of its own for it: {', '.join(missing)}."] if missing else []
    )


def _render_part(part: Part) -> str:
    arguments = (f"{name}={_render_value(value)}" for name, value in part.arguments.items())
    return f"keras.{part.path}({', '.join(arguments)})"


def _render_value(value: object) -> str:
    if isinstance(value, Part):
        return _render_part(value)
    return f'"{value}"' if isinstance(value, str) else repr(value)
