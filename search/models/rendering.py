"""A model as a Python file that needs Keras and nothing else."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any

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
    stops = watches_stop_rows(configuration)
    optimizer = _render_part(describe_optimizer(training, configuration, names))
    finishing = [line for x in techniques_of(configuration) if isinstance(x, OptimizerTechnique) for line in x.source]
    compiled = f'optimizer={"optimizer" if finishing else optimizer}, loss="{architecture.loss}"'
    # As a metric, Keras takes the loss only of targets that have the predictions' rank.
    column = stops and architecture.loss != "sparse_categorical_crossentropy"
    fitted = f"x, {'y.reshape(len(y), -1)' if column else 'y'}, epochs=EPOCHS, batch_size=BATCH_SIZE"
    if stops:
        compiled += f', metrics=["{architecture.loss}"]'
        fitted += ", validation_data=..., callbacks=[EARLY_STOPPING]"
    layers = [f"keras.Input({architecture.input_shape!r})", *map(_render_part, architecture.chain)]
    notes = [*comment.splitlines(), *_left_out(configuration)]
    return _TEMPLATE.format(
        comment="".join(f"# {line}".rstrip() + "\n" for line in notes) + ("\n" if notes else ""),
        epochs=training.epochs,
        batch_size=training.batch_size,
        layers=",\n            ".join(layers),
        name=architecture.name,
        early_stopping=_early_stopping(architecture.loss, configuration) if stops else "",
        optimizer="\n    ".join([f"optimizer = {optimizer}", *finishing, ""]) if finishing else "",
        compile_arguments=compiled,
        fit_arguments=fitted,
    )


def _left_out(configuration: Mapping[str, Setting]) -> list[str]:
    """Techniques that act on rows, steps or runs: with Keras alone they take code of their own."""
    missing = [
        f"{name} = {value}"
        for name, value in configuration.items()
        if name in TECHNIQUES and not _is_held(TECHNIQUES[name])
    ]
    return (
        ["", f"Not in this file, for training needs code of its own for it: {', '.join(missing)}."] if missing else []
    )


def _is_held(technique: Technique) -> bool:
    """Whether model, optimizer or Keras' own early stopping holds it."""
    if isinstance(technique, LoopTechnique):
        return technique.keras_argument is not None
    return isinstance(technique, LayerTechnique | InputTechnique | OptimizerTechnique)


def _early_stopping(loss: str, configuration: Mapping[str, Setting]) -> str:
    given = {
        technique.keras_argument: configuration[technique.name]
        for technique in techniques_of(configuration)
        if isinstance(technique, LoopTechnique) and technique.keras_argument is not None
    }
    return _EARLY_STOPPING.format(loss=loss, settings=", ".join(f"{name}={value!r}" for name, value in given.items()))


def _render_part(part: Part) -> str:
    arguments = (f"{name}={_render_value(value)}" for name, value in part.arguments.items())
    return f"keras.{part.path}({', '.join(arguments)})"


def _render_value(value: object) -> str:
    if isinstance(value, Part):
        return _render_part(value)
    return f'"{value}"' if isinstance(value, str) else repr(value)
