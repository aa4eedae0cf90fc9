"""Models that take text: layers that make numbers of it are taken off, and put back in front of what was trained.

No engine trains on text. What TextVectorization and StringLookup make of a row is the same in every epoch and run, so
that each different text passes them once a study, in a child process; the model is trained with inputs of the numbers
that came of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from search.data import ONLY_INPUT
from search.errors import Problem, StudyFileError
from search.models.archive import INPUT, Config, layer_path, ports, read_config, references, with_config
from search.models.saved import SavedModel, TextInput

_TEXT_LAYERS = frozenset({"layers.Hashing", "layers.StringLookup", "layers.TextVectorization"})
_REMEDY = "Let one TextVectorization, StringLookup or Hashing read each input of text, outside of nested models."


@dataclass(frozen=True)
class Peeled:
    """A model without the layers that read text.

    Args:
        config: The model, as Keras writes it, with inputs of numbers in their place, whose sizes are open.
        texts: Its inputs of text.
    """

    config: Config
    texts: tuple[TextInput, ...]


def peel_texts(config: Config, place: str) -> Peeled | None:
    """Take the layers that read text off a model; None for a model that takes none.

    Args:
        config: The model of an archive; it stays as it is.
        place: Where it was named, for errors.

    Raises:
        StudyFileError: Something else takes the text.
    """
    copy = json.loads(json.dumps(config))
    model = copy["config"]
    texts = tuple(_peel_graph(model, place) if "input_layers" in model else _peel_chain(model, place))
    copy.pop("build_config", None)
    return Peeled(copy, texts) if texts else None


def _peel_graph(model: Config, place: str) -> Iterator[TextInput]:
    ends = {port[0] for port in ports(model["output_layers"])}
    for given in [x for x in model["layers"] if layer_path(x) == INPUT and x["config"]["dtype"] == "string"]:
        name = given["config"]["name"]
        takers = [
            entry
            for entry in model["layers"]
            if any(taken[0] == name for taken in references(entry.get("inbound_nodes", [])))
        ]
        reading = takers[0] if takers else given
        fits = len(takers) == 1 and layer_path(reading) in _TEXT_LAYERS and len(reading["inbound_nodes"]) == 1
        if not fits or reading["config"]["name"] in ends:
            others = ", ".join(entry["config"]["name"] for entry in takers) or "nothing"
            message = f"expected one layer that makes numbers of the text input {name}, received {others}"
            raise StudyFileError(Problem(place, message, _REMEDY))
        layer = reading["config"]["name"]
        model["layers"] = [x for x in model["layers"] if x is not reading]
        for taken in references([x.get("inbound_nodes", []) for x in model["layers"]]):
            if taken[0] == layer:
                taken[:] = [name, 0, 0]
        yield TextInput(name, layer, tuple(given["config"]["batch_shape"][1:]), _is_open(reading))
        given["config"] |= _numbers(reading)


def _peel_chain(model: Config, place: str) -> Iterator[TextInput]:
    layers = model["layers"]
    first = layers[0] if layer_path(layers[0]) == INPUT else None
    reading = layers[1] if first is not None and len(layers) > 1 else layers[0]
    if (first is not None and first["config"]["dtype"] != "string") or (
        first is None and layer_path(reading) not in _TEXT_LAYERS
    ):
        return
    if layer_path(reading) not in _TEXT_LAYERS:
        message = f"expected a layer that makes numbers of text, received {reading['config']['name']}"
        raise StudyFileError(Problem(place, message, _REMEDY))
    name = ONLY_INPUT if first is None else first["config"]["name"]
    given = model.get("build_input_shape") if first is None else first["config"]["batch_shape"]
    entry = first or {"module": "keras.layers", "class_name": "InputLayer", "registered_name": None}
    entry["config"] = {"name": name, "sparse": False, **_numbers(reading)}
    model["layers"] = [entry, *(x for x in layers if x is not first and x is not reading)]
    model.pop("build_input_shape", None)
    yield TextInput(name, reading["config"]["name"], tuple((given or [None, 1])[1:]), _is_open(reading))


def _numbers(reading: Config) -> Config:
    """The arguments of an input that takes what a layer made of text."""
    return {"batch_shape": [None, None], "dtype": "int64" if _gives_names(reading) else "float32"}


def _gives_names(reading: Config) -> bool:
    """Whether it gives numbers that are names of words, not counts of them."""
    return bool(reading["config"].get("output_mode", "int") == "int")


def _is_open(reading: Config) -> bool:
    is_words = layer_path(reading) == "layers.TextVectorization" and _gives_names(reading)
    return is_words and reading["config"].get("output_sequence_length") is None


def _with_sizes(archive: bytes, shapes: Mapping[str, tuple[int, ...]]) -> bytes:
    config = read_config(archive)
    for entry in config["config"]["layers"]:
        if layer_path(entry) == INPUT and entry["config"]["name"] in shapes:
            entry["config"]["batch_shape"] = [None, *shapes[entry["config"]["name"]]]
    return with_config(archive, config)


def sized_texts(saved: SavedModel, texts: tuple[TextInput, ...], shapes: Mapping[str, tuple[int, ...]]) -> SavedModel:
    """A peeled model whose inputs have the sizes of what came of the text.

    Args:
        saved: The model.
        texts: Its inputs of text, with the shapes that the data has of a row.
        shapes: Of what came of one row, by the name of the input.
    """
    return replace(
        saved,
        archive=_with_sizes(saved.archive, shapes),
        inputs=tuple((name, shapes.get(name, shape)) for name, shape in saved.inputs),
        texts=texts,
        variants=tuple((options, sized_texts(each, texts, shapes)) for options, each in saved.variants),
    )
