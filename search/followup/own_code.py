"""Code of the caller's own that a study needs: workers know nothing of what a program has in memory but its files."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from search.data import add_told, first_cause, tell_subclassed
from search.errors import Problem, UsageError
from search.followup.refit import KerasModel
from search.models import own_module_names
from search.spec import is_function


def is_subclassed(model: KerasModel) -> bool:
    """Whether a model is of a class of the caller's own."""
    return type(model).__module__.partition(".")[0] != "keras"


def tell_layers(model: KerasModel, shape: tuple[int, ...], file: Path) -> None:
    """Write the layers of a subclassed model into its file, which Keras does not.

    Args:
        model: The model.
        shape: The shape of one row of what it is given.
        file: Its file.

    Raises:
        UsageError: It cannot be made again from what it says of itself.
    """
    try:
        told = tell_subclassed(model, shape)
    except Exception as error:  # whatever the user's code raises
        message = f"expected a model that can be made again for rows of shape {shape}, received {first_cause(error)}"
        remedy = "It needs get_config, and an __init__ that takes **kwargs and hands them to super().__init__."
        raise UsageError(Problem("model", message, remedy)) from error
    add_told(file, told)


def copied_code(model: Path) -> Path | None:
    """A copy, beside a model's file, of the one that defines what in it is not Keras' own; None where nothing is.

    Args:
        model: The model's file.

    Raises:
        UsageError: There is no such file, or several.
    """
    names = own_module_names(model.read_bytes())
    if not names:
        return None
    files = [getattr(sys.modules.get(name), "__file__", None) for name in names]
    if len(names) > 1 or "__main__" in names or files[0] is None:
        received = f"the module{'' if len(names) == 1 else 's'} {', '.join(names)}"
        message = f"expected layers and losses of one's own in one file that can be imported, received {received}"
        raise UsageError(Problem("model", message, "Workers run that file: put the classes there and import them."))
    copy = model.parent / Path(files[0]).name
    copy.write_bytes(Path(files[0]).read_bytes())
    return copy


def callback_settings(callbacks: Sequence[str | Callable[[], Any]]) -> list[str]:
    """Functions that return callbacks, as `[training] callbacks` names them: settings, as with `--set`.

    Raises:
        UsageError: One is no function that has a file.
    """
    named = []
    for each in callbacks:
        if isinstance(each, str) and is_function(each):
            given, _, function = each.rpartition(":")
            named.append(f"{Path(given).resolve()}:{function}")
            continue
        module = sys.modules.get(getattr(each, "__module__", ""))
        file = getattr(module, "__file__", None)
        name = getattr(each, "__qualname__", "")
        if not name.isidentifier() or file is None or module is sys.modules["__main__"]:
            received = repr(each) if isinstance(each, str) else str(name or type(each).__name__)
            message = f"expected functions that return callbacks, received {received}"
            remedy = 'Each run needs callbacks of its own: give "FILE.py:function", or a function of a module.'
            raise UsageError(Problem("callbacks", message, remedy))
        named.append(f"{Path(file).resolve()}:{name}")
    return [f"training.callbacks={json.dumps(named)}"] if named else []
