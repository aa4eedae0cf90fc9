"""How a `.keras` file tells of a model: a zip archive, with layers and who takes from whom as JSON."""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

from search.data import SUBCLASSED
from search.techniques.private import OPERATION_MODULES

Config = dict[str, Any]
"""What Keras writes for an object: `module`, `class_name`, `config` and more."""

INPUT = "layers.InputLayer"


def read_config(archive: bytes) -> Config:
    """The model of an archive.

    Raises:
        ValueError: It is no archive, or not one with a model of Keras 3; the message is `expected ..., received ...`.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as members:
            unpacked = {member.filename: member.file_size for member in members.infolist()}
            _check_sizes(unpacked, len(archive))
            config = json.loads(members.read("config.json")) if "config.json" in unpacked else None
            told = json.loads(members.read("metadata.json")) if "metadata.json" in unpacked else {}
    except _TooLargeError as error:
        raise ValueError(str(error)) from error
    except _NOT_READ as error:
        raise ValueError("expected a file in the .keras format, received another one") from error
    if not isinstance(config, dict) or not isinstance(config.get("config"), dict):
        raise ValueError("expected a file in the .keras format, received an archive without a model")
    version = told.get("keras_version", "?") if isinstance(told, dict) else "?"
    if str(version).partition(".")[0] != "3":
        raise ValueError(f"expected a model saved by Keras 3, received one of version {str(version)[:20]}")
    return config


_NOT_READ = (zipfile.BadZipFile, zlib.error, ValueError, KeyError, EOFError, OSError, RuntimeError)
"""What a broken or encrypted archive raises, and JSON in it that is none, or too deep."""

_MOST_CONFIG_BYTES = 64 * 2**20
_MOST_UNPACKED, _LARGEST_RATIO = 256 * 2**20, 50
"""Keras packs nothing: an archive may be larger inside than outside, up to a point."""


class _TooLargeError(Exception):
    """An archive is larger inside than any model: `expected ..., received ...`."""


def _check_sizes(unpacked: Mapping[str, int], n_bytes: int) -> None:
    """Refuse an archive whose content would fill the memory, before any of it is read."""
    for name in ("config.json", "metadata.json"):
        if unpacked.get(name, 0) > _MOST_CONFIG_BYTES:
            limit, size = _MOST_CONFIG_BYTES // 2**20, unpacked[name] // 2**20
            raise _TooLargeError(f"expected a {name} of at most {limit} MiB, received one of {size:,} MiB")
    whole = sum(unpacked.values())
    if whole > max(_MOST_UNPACKED, _LARGEST_RATIO * n_bytes):
        message = f"expected an archive that is about as large inside as outside, received {n_bytes / 2**20:,.1f} MiB"
        raise _TooLargeError(f"{message} with {whole // 2**20:,} MiB inside")


def read_weights(archive: bytes) -> bytes:
    """The weights of an archive as they are in it; nothing when it has none."""
    with zipfile.ZipFile(io.BytesIO(archive)) as members:
        return members.read(WEIGHTS) if WEIGHTS in members.namelist() else b""


def read_assets(archive: bytes) -> bytes:
    """What layers keep in files beside the weights: vocabularies."""
    with zipfile.ZipFile(io.BytesIO(archive)) as members:
        names = sorted(name for name in members.namelist() if name.startswith("assets/"))
        return b"".join(name.encode() + members.read(name) for name in names)


def with_config(archive: bytes, config: Config) -> bytes:
    """The archive with another configuration of its model; everything else is in it as it was."""
    content = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as members, zipfile.ZipFile(content, "w") as changed:
        for member in members.infolist():
            is_config = member.filename == "config.json"
            changed.writestr(member, json.dumps(config) if is_config else members.read(member))
    return content.getvalue()


def read_subclassed(archive: bytes) -> Config | None:
    """What is told beside a subclassed model: `input_shape`, `units` and `layers`; None of other models."""
    with zipfile.ZipFile(io.BytesIO(archive)) as members:
        return json.loads(members.read(SUBCLASSED)) if SUBCLASSED in members.namelist() else None


WEIGHTS = "model.weights.h5"


def layer_path(entry: Config) -> str:
    """The path of an object's class below `keras`: `layers.Dense`."""
    return f"{(entry['module'] or '').removeprefix('keras').removeprefix('.')}.{entry['class_name']}".removeprefix(".")


def is_model(entry: Config) -> bool:
    """Whether an object is a model made of layers."""
    return entry["class_name"] in ("Functional", "Sequential", "Model") and "layers" in entry["config"]


def ports(node: Any) -> Iterator[list[Any]]:
    """`[layer, use, output]` of each input or output of a Functional model, as it stands in the configuration."""
    if isinstance(node, list) and node and isinstance(node[0], str):
        yield node
    else:
        for each in node.values() if isinstance(node, dict) else node:
            yield from ports(each)


def references(node: Any) -> Iterator[list[Any]]:
    """`[layer, use, output]` of each output of a layer that calls take, as it stands in the configuration."""
    if isinstance(node, dict) and node.get("class_name") == "__keras_tensor__":
        yield node["config"]["keras_history"]
    elif isinstance(node, dict | list):
        for each in node.values() if isinstance(node, dict) else node:
            yield from references(each)


def is_operation(entry: Config) -> bool:
    """Whether it is what Keras makes of `x * 2`, or of a function of `keras.ops`."""
    return str(entry["module"]).startswith(OPERATION_MODULES)


_KEEPING_NAMES = (
    "Activation ActivityRegularization AdaptiveAveragePooling1D AdaptiveAveragePooling2D AdaptiveAveragePooling3D "
    "AdaptiveMaxPooling1D AdaptiveMaxPooling2D AdaptiveMaxPooling3D AlphaDropout Average AveragePooling1D "
    "AveragePooling2D AveragePooling3D Cropping1D Cropping2D Cropping3D Dropout Flatten GaussianDropout GaussianNoise "
    "GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D GlobalMaxPooling1D GlobalMaxPooling2D "
    "GlobalMaxPooling3D Identity Masking MaxPooling1D MaxPooling2D MaxPooling3D Permute RepeatVector Reshape "
    "SpatialDropout1D SpatialDropout2D SpatialDropout3D UpSampling1D UpSampling2D UpSampling3D"
)
KEEPING = frozenset(_KEEPING_NAMES.split())
"""Layers without weights that make probabilities of probabilities."""

_CHANGING_NAMES = (
    "Add Concatenate Dot ELU LeakyReLU Maximum Minimum Multiply Normalization ReLU Rescaling Softmax Subtract "
    "UnitNormalization ZeroPadding1D ZeroPadding2D ZeroPadding3D"
)
WEIGHTLESS = KEEPING | frozenset(_CHANGING_NAMES.split())
"""All layers without weights, or whose weights are not trained."""
