"""What a shell completes behind a command: names of studies, shipped studies and study files.

A shell asks at each press of a key, in the middle of a line: whatever is wrong with a storage is said by the command
itself, later. Here it is met with silence, and nothing is waited for.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    add_completion_class,
    split_arg_string,
)

if TYPE_CHECKING:
    from search.storage import Storage

_PATIENCE_SECONDS = 0.3
"""For a database that another program keeps locked."""

_SPLITS_WORDS = frozenset(":=")


def complete_studies(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The studies in the storage that the line names, without those that it names already."""
    given = context.params.get(parameter.name or "")
    taken = given if isinstance(given, tuple | list) else ()
    names = list[str]()
    with contextlib.suppress(Exception), _opened(context) as storage:
        names = storage.study_names()
    return _beginning_with(incomplete, (name for name in names if name not in taken))


def complete_study_files(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Shipped studies by name, and TOML files: those of a folder, and of the folders in it."""
    from search.preparation.shipped import shipped_studies

    files = list[str]()
    with contextlib.suppress(OSError):
        folder = incomplete[: incomplete.rfind("/") + 1]
        here = Path(folder or ".")
        files = sorted(
            folder + str(path.relative_to(here)) for each in ("*", "*/*") for path in here.glob(f"{each}.toml")
        )
    # Without any the shell completes paths of its own: the way to a folder farther down.
    return _beginning_with(incomplete, [*shipped_studies(), *files]) or [CompletionItem(incomplete, type="file")]


def _opened(context: click.Context) -> contextlib.AbstractContextManager[Storage]:
    from search.storage import default_url, open_storage

    return open_storage(context.params.get("url") or default_url(), patience_seconds=_PATIENCE_SECONDS)


def _beginning_with(incomplete: str, names: Iterable[str]) -> list[CompletionItem]:
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


class _WholeWords(BashComplete):
    """Bash, which hands `sqlite:///a.db` and `--format=json` over in three words each."""

    def get_completion_args(self) -> tuple[list[str], str]:
        words, place = split_arg_string(os.environ["COMP_WORDS"]), int(os.environ["COMP_CWORD"])
        words += [""] * (place + 1 - len(words))
        *before, incomplete = _joined(words[: place + 1])
        return before[1:], incomplete


def _joined(words: Sequence[str]) -> list[str]:
    joined, sticks = list[str](), False
    for word in words:
        is_break = bool(word) and _SPLITS_WORDS.issuperset(word)
        if joined and (sticks or is_break):
            joined[-1] += word
        else:
            joined.append(word)
        sticks = is_break
    return joined


class _WithOptions(ShellComplete):
    """A shell for which what is offered is the whole word: for `--format=j` it begins with `--format=`."""

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem]:
        found = super().get_completions(args, incomplete)
        option, sign, _ = incomplete.partition("=")
        if not (sign and option.startswith("-")):
            return found
        return [
            CompletionItem(f"{option}={item.value}", help=item.help) if item.type == "plain" else item for item in found
        ]


class _Zsh(_WithOptions, ZshComplete):
    """Zsh, which completes paths itself: of `--output=a` what is behind the sign."""

    source_template = ZshComplete.source_template.replace("_path_files", "compset -P '[-]*='; _path_files")


class _Fish(_WithOptions, FishComplete):
    """Fish, where what a command does may have commas."""

    source_template = FishComplete.source_template.replace('string split ","', 'string split -m 1 ","')


for _shell in (_WholeWords, _Zsh, _Fish):
    add_completion_class(_shell)
