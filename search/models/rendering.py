"""A model as a Python file that needs no regsearch."""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeGuard

from search.models.architecture import Architecture
from search.models.building import describe_optimizer
from search.models.literals import constant
from search.models.losses import Loss, loss_name
from search.models.model_source import UntellableError, keeps_own_weights, model_source, object_source
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
{comment}{imports}

EPOCHS = {epochs}
BATCH_SIZE = {batch_size}
{constants}

{functions}def build_model():
    """Build and compile the model; `train_model` trains it."""
    {body}
    {optimizer}model.compile({compile_arguments})
    return model


def train_model(model, {parameters}, **options):
    """Train the model as its study did{missing}.

    Args:
        model: What `build_model` returned.
        x, y: {rows} that train: NumPy arrays, {targets}.{weights}{stop_rows}
        options: Further arguments of `fit`, such as `verbose=0`.
    """
    return model.fit(
        {fit_arguments},
        **options,
    )


{after}if __name__ == "__main__":
    {started}
'''

_EARLY_STOPPING = """
# Watches the loss of rows of their own, without penalties: Keras' own val_loss contains them.
EARLY_STOPPING = keras.callbacks.EarlyStopping(
    monitor="val_{loss}", mode="min", {settings}, restore_best_weights=True
)
"""

_STOP_ROWS = """
        x_stop, y_stop: Rows that stop it: they are not among those that train."""

_WEIGHTS = """
        weight: How much each of these rows counts, shape (rows,), as the study's rows had weights."""

_STOP_WEIGHTS = """
        weight_stop: How much each of those counts."""

_BALANCED = '''\
def class_weight(y):
    """Weights with which all classes count alike."""
    counts = [max(int((y == index).sum()), 1) for index in range({n_classes})]
    return {{index: len(y) / ({n_classes} * count) for index, count in enumerate(counts)}}


'''

_SAVED_WEIGHTS = '''\
def set_saved_weights(model, saved):
    """Give {which} the weights that they have in the file."""
    for layer in saved.layers:
        if isinstance(layer, keras.Model):
            set_saved_weights(model.get_layer(layer.name), layer)
        elif layer.weights{condition}:
            model.get_layer(layer.name).set_weights(layer.get_weights())
            if hasattr(model.get_layer(layer.name), "finalize_state"):  # Normalization
                model.get_layer(layer.name).finalize_state()


'''


@dataclass(frozen=True)
class RowsSource:
    """What a file does with rows around the model: it reads raw ones, encodes them and tells what is predicted.

    Args:
        imports: Statements beyond `import keras`.
        constants: Statements at the top.
        before: Functions and classes that the model's come behind, each without empty lines around it.
        after: The same of those that use the model.
        started: Statements that the file runs when it is a program.
    """

    imports: tuple[str, ...] = ()
    constants: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    started: str = "build_model().summary()"


_NO_ROWS = RowsSource()


def render_source(
    architecture: Architecture,
    training: TrainingSection,
    configuration: Mapping[str, Setting] = _NOTHING,
    comment: str = "",
    names: Collection[str] = (),
    *,
    classes: Sequence[str] = (),
    weights_file: str = "",
    weighted: bool = False,
    rows: RowsSource = _NO_ROWS,
) -> str:
    """A Python file whose `build_model()` returns the very same model, compiled, and whose `train_model` trains it.

    Args:
        architecture: The model, techniques included.
        training: Optimizer, learning rate, epochs, batch size and weights of classes.
        configuration: The techniques that are on. What neither model nor optimizer can hold is named in a comment.
        comment: What the file should say at its top, one or more lines without `#`.
        names: Every name in [space].
        classes: The label of each class.
        weights_file: The file of the user's model; only needed where weights are taken from it.
        weighted: Whether rows have weights.
        rows: What it does with raw rows; nothing by default.

    Raises:
        UntellableError: The user's model has something that has no source.
    """
    loss, stopping = architecture.loss, _stopping_arguments(configuration)
    optimizer = _render_part(describe_optimizer(training, configuration, names))
    finishing = [line for x in techniques_of(configuration) if isinstance(x, OptimizerTechnique) for line in x.source]
    model, missing = _model(architecture, weights_file), _left_out(configuration, stopping)
    balanced = training.class_weight == "balanced"
    given = ["x", "y", *(["weight"] if weighted else [])]
    constants = [constant("CLASSES", list(classes))] if classes else []
    constants += [*rows.constants, *model.constants]
    if isinstance(training.class_weight, dict):
        weights = {index: training.class_weight.get(label, 1.0) for index, label in enumerate(classes)}
        constants.append(f"CLASS_WEIGHT = {weights!r}")
    if stopping:
        constants.append(_EARLY_STOPPING.format(loss=loss.name, settings=stopping))
    return _TEMPLATE.format(
        comment=_commented([*comment.splitlines(), *_note_on(missing)]),
        imports=_imports(("import keras", *model.imports, *rows.imports)),
        epochs=training.epochs,
        batch_size=training.batch_size,
        constants="".join(f"{each.rstrip()}\n" for each in constants),
        functions="".join(f"{each}\n\n\n" for each in rows.before)
        + (_BALANCED.format(n_classes=len(classes)) if balanced else "")
        + "".join(model.functions),
        body=model.body.replace("\n", "\n    "),
        optimizer="\n    ".join([f"optimizer = {optimizer}", *finishing, ""]) if finishing else "",
        compile_arguments=", ".join(
            [
                f"optimizer={'optimizer' if finishing else optimizer}",
                f"loss={loss.source()}",
                *([] if loss.weight == 1 else [f"loss_weights=[{loss.weight!r}]"]),
                *_metrics(architecture, watched=bool(stopping), weighted=weighted),
            ]
        ),
        parameters=", ".join([*given, *(f"{name}_stop" for name in given if stopping)]),
        rows="Encoded rows" if rows.before else "Rows",
        targets="y the indices of classes" if classes else "y numbers",
        missing=f", but without {', '.join(missing)}" if missing else "",
        weights=_WEIGHTS if weighted else "",
        stop_rows=(_STOP_ROWS + (_STOP_WEIGHTS if weighted else "")) if stopping else "",
        fit_arguments=",\n        ".join(_fit_arguments(loss, training, stops=bool(stopping), weighted=weighted)),
        after="".join(f"{each}\n\n\n" for each in rows.after),
        started=rows.started.replace("\n", "\n    "),
    )


def stops_early(configuration: Mapping[str, Setting]) -> bool:
    """Whether the file of a configuration has `train_model` watch rows of their own, `x_stop` and `y_stop`."""
    return bool(_stopping_arguments(configuration))


def _imports(statements: Sequence[str]) -> str:
    """Statements in the order in which formatters put them: of Python itself, then of packages."""
    names, single = dict[str, set[str]](), set[str]()
    for statement in statements:
        module, _, imported = statement.removeprefix("from ").partition(" import ")
        if imported:
            names.setdefault(module, set()).update(imported.split(", "))
        else:
            single.add(statement)
    single |= {f"from {module} import {', '.join(sorted(imported))}" for module, imported in names.items()}
    of_python = {each for each in single if each.split()[1].partition(".")[0] in sys.stdlib_module_names}
    groups = (sorted(group, key=_import_key) for group in (of_python, single - of_python))
    return "\n\n".join("\n".join(group) for group in groups if group)


def _import_key(statement: str) -> tuple[bool, str]:
    return statement.startswith("from"), statement.split()[1]


@dataclass(frozen=True)
class _Model:
    """The parts of a file that make the model.

    Args:
        body: Statements, the last of which binds `model`.
        imports: Beyond Keras.
        constants: Statements at the top.
        functions: Functions, each followed by two empty lines.
    """

    body: str
    imports: tuple[str, ...] = ()
    constants: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()


def _model(architecture: Architecture, weights_file: str) -> _Model:
    saved = architecture.saved
    if saved is None:
        layers = [f"keras.Input({architecture.input_shape!r})", *map(_render_part, architecture.chain)]
        listed = "".join(f"        {layer},\n" for layer in layers)
        return _Model(f'model = keras.Sequential(\n    [\n{listed}    ],\n    name="{architecture.name}",\n)')
    source = model_source(architecture, saved)
    if not keeps_own_weights(saved):
        return _Model("\n".join(source.body), source.imports, functions=source.functions)
    if not weights_file:
        raise UntellableError("expected a model that begins without weights of its own, received one that has some")
    which, condition = "all layers", ""
    if not saved.keeps_weights:
        which, condition = "layers that have nothing to train", " and not layer.trainable_weights"
    loaded = "set_saved_weights(model, keras.saving.load_model(SAVED_MODEL, compile=False))"
    return _Model(
        "\n".join((*source.body, loaded)),
        source.imports,
        ("# Weights are loaded from this file.", f"SAVED_MODEL = {json.dumps(weights_file)}"),
        (*source.functions, _SAVED_WEIGHTS.format(which=which, condition=condition)),
    )


def _metrics(architecture: Architecture, *, watched: bool, weighted: bool) -> list[str]:
    """The metrics to compile with, if any: the loss without penalties, and those that the user's model has.

    Weights of rows count in `weighted_metrics` alone.
    """
    loss = architecture.loss
    told = () if architecture.saved is None else architecture.saved.compiled.metrics
    others = [each for each in told if not (isinstance(each, str) and loss_name(each) == loss.name and watched)]
    told_apart: dict[str, list[str]] = {"metrics": [], "weighted_metrics": []}
    if watched:
        told_apart["weighted_metrics" if weighted else "metrics"].append(loss.source())
    told_apart["metrics"] += [json.dumps(each) if isinstance(each, str) else object_source(each) for each in others]
    return [f"{key}=[{', '.join(shown)}]" for key, shown in told_apart.items() if shown]


def _fit_arguments(loss: Loss, training: TrainingSection, *, stops: bool, weighted: bool) -> list[str]:
    arguments = ["x", _targets("y", loss), "epochs=EPOCHS", "batch_size=BATCH_SIZE"]
    if stops:
        weights = ", weight_stop" if weighted else ""
        arguments.append(f"validation_data=(x_stop, {_targets('y_stop', loss)}{weights})")
        arguments.append("callbacks=[EARLY_STOPPING]")
    of_classes = {"none": "", "balanced": "class_weight(y)"}.get(str(training.class_weight), "CLASS_WEIGHT")
    if weighted:  # Keras takes weights of rows or of classes
        arguments.append(f"sample_weight=weight{f' * list(map({of_classes}.get, y))' if of_classes else ''}")
    elif of_classes:
        arguments.append(f"class_weight={of_classes}")
    return arguments


def _targets(name: str, loss: Loss) -> str:
    """Targets as the loss takes them."""
    if loss.form == "one_hot":
        return f"keras.utils.to_categorical({name}, model.output_shape[-1])"
    # As a metric, Keras takes the loss only of targets that have the predictions' rank.
    return f"{name}.reshape(len({name}), -1)" if loss.form == "column" else name


def _commented(lines: list[str]) -> str:
    return "".join(f"# {line}".rstrip() + "\n" for line in lines) + ("\n" if lines else "")


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
    return [
        f"{name} = {value}"
        for name, value in configuration.items()
        if name in TECHNIQUES
        and not isinstance(TECHNIQUES[name], held)
        and not (stopping and _is_known_to_keras(TECHNIQUES[name]))
    ]


def _note_on(missing: list[str]) -> list[str]:
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
