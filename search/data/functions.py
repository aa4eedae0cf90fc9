"""Code of the user's as the text of its file: it travels to workers, where there may be no such file."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib.abc
import inspect
import sys
import traceback
import types
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from search.data.sources.raw import find_code
from search.errors import DataError, Problem


class MissingFunctionError(AttributeError):
    """A file has no function of a name.

    Args:
        message: `expected ..., received ...`.
        known: Functions that it has.
    """

    def __init__(self, message: str, known: list[str]) -> None:
        self.known = known
        super().__init__(message)


@dataclass(frozen=True)
class SourceModule:
    """A Python file that needs no other file of its folder.

    Args:
        file: The file, as the study names it.
        text: What it holds.
        sha256: Fingerprint of the text, in hexadecimal.
    """

    file: str
    text: str = field(repr=False)
    sha256: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sha256", hashlib.sha256(self.text.encode()).hexdigest())

    def run(self) -> dict[str, Any]:
        """What is in the file, run anew: a module of its own, which imports nothing from the file's folder.

        Raises:
            Exception: Whatever running the file raises.
        """
        # Its own name, so that it takes no other module's place; it is registered, as dataclasses and pickle need it.
        module = types.ModuleType(f"regsearch_{self.sha256[:16]}")
        module.__file__ = shown = _shown(self)
        module.__loader__ = _Text(self.text)
        sys.modules[module.__name__] = module
        exec(compile(self.text, shown, "exec"), module.__dict__)  # the user's own file, named by the study
        return vars(module)

    def load(self) -> dict[str, Any]:
        """What is in the file, run once a process; not at all where the program has imported the same file itself.

        Its objects then are instances of those very classes, of the latest ones where it was imported again.

        Raises:
            Exception: Whatever running the file raises.
        """
        return _imported(self) or _content(self)


@dataclass(frozen=True)
class SourceFunction:
    """A function in a file that needs no other file of its folder.

    Args:
        file: The file, as the study names it.
        name: The function.
        text: What the file holds.
        sha256: Fingerprint of the text, in hexadecimal.
    """

    file: str
    name: str
    text: str = field(repr=False)
    sha256: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sha256", hashlib.sha256(self.text.encode()).hexdigest())

    def load(self) -> Callable[..., Any]:
        """The function, its file run once a process.

        Raises:
            MissingFunctionError: The file has no such function.
            Exception: Whatever running the file raises.
        """
        return _loaded(self)

    def run(self) -> dict[str, Any]:
        """What is in the file, as `SourceModule.run` gives it."""
        return SourceModule(self.file, self.text).run()


def called_loss(loss: Callable[..., Any]) -> Callable[[Any, Any], Any]:
    """What a loss of the user's is called with targets and predictions as: a function itself, of a class its `call`.

    The `call` of a Keras loss gives each row's, where the loss itself gives their mean.
    """
    if not inspect.isclass(loss):
        return loss
    made: Any = loss()
    return made.call  # type: ignore[no-any-return]  # what a user's class has, has no type


def read_function(named: str, folder: Path, place: str, *, key: str) -> SourceFunction:
    """The function that a study names as `FILE.py:function`; nothing of it is run.

    Args:
        named: What the study says.
        folder: The folder to which its paths are relative.
        place: Where the function is named, for errors.
        key: The key that names it, for errors.

    Raises:
        DataError: There is no such file, it is no text, or it is outside the study's folder and not trusted.
    """
    file, _, name = named.rpartition(":")
    path = find_code(file, folder, place, key=key)
    try:
        return SourceFunction(file, name, path.read_bytes().decode())
    except (OSError, ValueError) as error:
        message = f"expected {key} to name a Python file in UTF-8, received {file}: {error}"
        raise DataError(Problem(place, message)) from error


class _Text(importlib.abc.InspectLoader):
    """Where Python finds the lines of a module, for tracebacks and AutoGraph; on workers there is no such file."""

    def __init__(self, text: str) -> None:
        self._text = text

    def get_source(self, fullname: str) -> str:
        """The lines, whatever the module is called."""
        return self._text


_FIRST: dict[str, str] = {}
"""File to the text of that name that was run first."""


def _shown(module: SourceModule) -> str:
    """What tracebacks call the file: its name, unless Python would find the lines of another text under that."""
    is_other = _FIRST.setdefault(module.file, module.sha256) != module.sha256
    with contextlib.suppress(OSError, ValueError):
        is_other |= Path(module.file).read_bytes().decode() != module.text
    return f"{module.file} ({module.sha256[:8]})" if is_other else module.file


def last_line(error: BaseException, file: str) -> int | None:
    """The line of the user's own file that was running last, or that does not parse; None where it had no part."""

    def is_of_file(shown: str | None) -> bool:
        return shown is not None and (shown == file or (shown.startswith(f"{file} (") and shown.endswith(")")))

    if isinstance(error, SyntaxError) and is_of_file(error.filename):
        return error.lineno
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if is_of_file(frame.filename)]
    return frames[-1].lineno if frames else None


@functools.lru_cache(maxsize=16)
def _content(module: SourceModule) -> dict[str, Any]:
    return module.run()


def _imported(module: SourceModule) -> dict[str, Any] | None:
    """The same file, where the program has imported it by itself: its objects are instances of these very classes."""
    name = Path(module.file).name
    for each in list(sys.modules.values()):
        file = getattr(each, "__file__", None)
        if isinstance(getattr(each, "__loader__", None), _Text):
            continue  # run here, by a name that may be that of another file since
        if isinstance(file, str) and file.endswith(name) and Path(file).name == name:
            with contextlib.suppress(OSError, ValueError):
                if Path(file).read_bytes().decode() == module.text:
                    return vars(each)
    return None


@functools.lru_cache(maxsize=16)
def _loaded(function: SourceFunction) -> Callable[..., Any]:
    module = SourceModule(function.file, function.text).load()
    loaded = module.get(function.name)
    if not callable(loaded):
        known = [name for name, value in module.items() if inspect.isfunction(value)]
        message = f'expected a function "{function.name}" in {function.file}, received none'
        raise MissingFunctionError(message, known)
    return loaded  # type: ignore[no-any-return]  # what a module holds has no type
