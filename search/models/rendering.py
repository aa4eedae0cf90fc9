"""A model as a Python file that needs Keras and nothing else."""

from __future__ import annotations

from search.models.architecture import Architecture
from search.models.building import describe_optimizer
from search.spec import TrainingSection
from search.techniques.parts import Part

_TEMPLATE = '''\
{comment}import keras

EPOCHS = {epochs}
BATCH_SIZE = {batch_size}


def build_model():
    """Build and compile the model; train it with `fit(x, y, epochs=EPOCHS, batch_size=BATCH_SIZE)`."""
    model = keras.Sequential(
        [
            {layers},
        ],
        name="{name}",
    )
    model.compile(optimizer={optimizer}, loss="{loss}")
    return model


if __name__ == "__main__":
    build_model().summary()
'''


def render_source(architecture: Architecture, training: TrainingSection, comment: str = "") -> str:
    """A Python file whose `build_model()` returns the very same model, compiled.

    Args:
        architecture: The model, techniques included.
        training: Optimizer, learning rate, epochs and batch size.
        comment: What the file should say at its top, one or more lines without `#`.
    """
    layers = [f"keras.Input({architecture.input_shape!r})", *map(_render_part, architecture.layers)]
    lines = "".join(f"# {line}".rstrip() + "\n" for line in comment.splitlines())
    return _TEMPLATE.format(
        comment=lines + "\n" if lines else "",
        epochs=training.epochs,
        batch_size=training.batch_size,
        layers=",\n            ".join(layers),
        name=architecture.name,
        optimizer=_render_part(describe_optimizer(training)),
        loss=architecture.loss,
    )


def _render_part(part: Part) -> str:
    arguments = (f"{name}={_render_value(value)}" for name, value in part.arguments.items())
    return f"keras.{part.path}({', '.join(arguments)})"


def _render_value(value: object) -> str:
    if isinstance(value, Part):
        return _render_part(value)
    return f'"{value}"' if isinstance(value, str) else repr(value)
