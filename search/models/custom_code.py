"""The user's own layers and functions: Keras is told of them while a model is made of its file."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from search.data import SourceModule, try_code
from search.models.archive import read_config
from search.models.saved import SavedModel


@contextlib.contextmanager
def custom_objects(module: SourceModule | None) -> Iterator[None]:
    """Let Keras find what a module defines, by its own name and by that under which it was registered.

    Raises:
        Exception: Whatever running the file raises.
    """
    if module is None:
        yield
        return
    import keras

    objects = _objects(module)
    # What another file has registered by the same name since would be taken for layers inside of a model: Keras 3.15
    # looks for those among all that is registered before it looks into the scope.
    registered = keras.saving.get_custom_objects()
    others = {name: registered[name] for name in objects if name in registered}
    registered.update({name: objects[name] for name in others})
    try:
        with keras.saving.custom_object_scope(dict(objects)):
            yield
    finally:
        registered.update(others)


def _objects(module: SourceModule) -> Mapping[str, Any]:
    import keras

    content = module.load()
    own = {
        name: each
        for name, each in content.items()
        if (inspect.isclass(each) or inspect.isfunction(each)) and each.__module__ == content["__name__"]
    }
    return {**own, **{keras.saving.get_registered_name(each): each for each in own.values()}}


def own_module_names(archive: bytes) -> tuple[str, ...]:
    """Names of the modules that define what in a model, and in how it was compiled, is not Keras' own.

    Raises:
        ValueError: It is no archive of a model.
    """
    return tuple(dict.fromkeys(_foreign_modules(read_config(archive))))


def _foreign_modules(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        module = node.get("module")
        if module is None and node.get("registered_name") and node.get("class_name"):
            yield "__main__"  # of which Keras writes no name
        elif isinstance(module, str) and module.partition(".")[0] not in ("keras", "builtins"):
            yield module
        for each in node.values():
            yield from _foreign_modules(each)
    elif isinstance(node, list):
        for each in node:
            yield from _foreign_modules(each)


def check_custom_code(saved: SavedModel, place: str, *, folder: str, timeout_seconds: float) -> None:
    """Let Keras make the model in a child process, before any run does.

    Args:
        saved: The model; one without code of the user's is not made.
        place: Where the file is named, for errors.
        folder: The folder to which the study's paths are relative.
        timeout_seconds: How long it may take; then the child is killed with all that it started.

    Raises:
        StudyFileError: The file fails, or does not define what the model is made of.
    """
    module = saved.custom
    if module is None:
        return
    request = {
        "kind": "custom",
        "file": module.file,
        "shown": module.file,
        "function": saved.name,
        "text": module.text,
        "folder": folder,
        "model": saved.archive,
    }
    try_code(request, place, timeout_seconds, "a model")
