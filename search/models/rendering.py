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
{early_stopping}

def build_model():
    """Build and compile the model; train it with `fit({fit_arguments})`."""
    model = keras.Sequential(
        [
            {layers},
        ],
        name="{name}",
    )
    model.compile({compile_arguments})
    return model


if __name__ == "__main__":
    build_model().summary()
'''

_EARLY_STOPPING = """\

# Watches the loss of the validation_data that you give to fit, without penalties: Keras' own val_loss contains them.
EARLY_STOPPING = keras.callbacks.EarlyStopping(
    monitor="val_{loss}", mode="min", patience={patience}, restore_best_weights=True
)
"""


def render_source(
    architecture: Architecture, training: TrainingSection, comment: str = "", patience: int | None = None
) -> str:
    """A Python file whose `build_model()` returns the very same model, compiled.

    Args:
        architecture: The model, techniques included.
        training: Optimizer, learning rate, epochs and batch size.
        comment: What the file should say at its top, one or more lines without `#`.
        patience: Epochs without improvement before training stops; None for no early stopping.
    """
    compiled = f'optimizer={_render_part(describe_optimizer(training))}, loss="{architecture.loss}"'
    # As a metric, Keras takes the loss only of targets that have the predictions' rank.
    column = patience is not None and architecture.loss != "sparse_categorical_crossentropy"
    fitted = f"x, {'y.reshape(len(y), -1)' if column else 'y'}, epochs=EPOCHS, batch_size=BATCH_SIZE"
    if patience is not None:
        compiled += f', metrics=["{architecture.loss}"]'
        fitted += ", validation_data=..., callbacks=[EARLY_STOPPING]"
    layers = [f"keras.Input({architecture.input_shape!r})", *map(_render_part, architecture.layers)]
    lines = "".join(f"# {line}".rstrip() + "\n" for line in comment.splitlines())
    return _TEMPLATE.format(
        comment=lines + "\n" if lines else "",
        epochs=training.epochs,
        batch_size=training.batch_size,
        layers=",\n            ".join(layers),
        name=architecture.name,
        early_stopping="" if patience is None else _EARLY_STOPPING.format(loss=architecture.loss, patience=patience),
        compile_arguments=compiled,
        fit_arguments=fitted,
    )


def _render_part(part: Part) -> str:
    arguments = (f"{name}={_render_value(value)}" for name, value in part.arguments.items())
    return f"keras.{part.path}({', '.join(arguments)})"


def _render_value(value: object) -> str:
    if isinstance(value, Part):
        return _render_part(value)
    return f'"{value}"' if isinstance(value, str) else repr(value)
