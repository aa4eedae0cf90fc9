"""Options and arguments that several commands share."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import click

from search.cli._completing import complete_studies, complete_study_files
from search.cli._render import hush, say

if TYPE_CHECKING:
    from search.storage import Storage

Command = TypeVar("Command", bound=Callable[..., Any])


def storage_option(command: Command) -> Command:
    """`--storage URL`."""
    return click.option(
        "--storage",
        "url",
        metavar="URL",
        help="Database: any SQLAlchemy URL of SQLite or PostgreSQL. Default: $OPTUNA_STORAGE, then "
        "sqlite:///regsearch.db in the current folder. Give a password in $OPTUNA_STORAGE or a .pgpass file: "
        "an argument shows in the process list.",
    )(command)


def format_option(*more: str) -> Callable[[Command], Command]:
    """`--format table|json`, and more where a command has them."""
    return click.option(
        "--format",
        "format_",
        type=click.Choice(["table", "json", *more]),
        default="table",
        show_default=True,
        help="How to print.",
    )


def set_option(command: Command) -> Command:
    """`--set table.key=value`, repeatable."""
    return click.option(
        "--set",
        "overrides",
        metavar="KEY=VALUE",
        multiple=True,
        help="Override a key of the study file, e.g. --set training.epochs=50. Repeatable.",
    )(command)


def trust_option(command: Command) -> Command:
    """`--trust`: code that comes with a model may be run."""
    return click.option(
        "--trust",
        is_flag=True,
        expose_value=False,
        callback=lambda context, parameter, value: _trust(context) if value and not context.resilient_parsing else None,
        help="Run the code that a model comes with: model.custom of the study.",
    )(command)


def _trust(context: click.Context) -> None:
    from search.user_code import code_trusted

    context.with_resource(code_trusted())


def quiet_option(command: Command) -> Command:
    """`--quiet`: results and errors, nothing else."""
    return click.option(
        "-q",
        "--quiet",
        is_flag=True,
        expose_value=False,
        callback=lambda context, parameter, value: hush(context) if value else None,
        help="Print results and errors only: no progress, no notes.",
    )(command)


name_argument = click.argument("name", shell_complete=complete_studies)
study_argument = click.argument("study", shell_complete=complete_study_files)


@contextlib.contextmanager
def opened(
    url: str | None, *, create: bool = False, warn: bool = True, patience_seconds: float = 0.0
) -> Iterator[Storage]:
    """The storage that the options name.

    Args:
        url: As `--storage` gives it.
        create: Whether it is made where there is none.
        warn: Whether it is said that a password can be seen.
        patience_seconds: How long a database that does not answer is waited for.
    """
    from search.storage import Patience, default_url, open_storage, shows_password

    if warn and url is not None and shows_password(url):
        say(_SHOWS_PASSWORD)
    patience = Patience(patience_seconds, say, "It may be starting and is waited for")
    with patience.wait_out(lambda: open_storage(url or default_url(), create=create)) as storage:
        yield storage


_SHOWS_PASSWORD = (
    "--storage holds a password, which every user of this machine sees in the list of processes. Put the URL into the "
    "variable OPTUNA_STORAGE, or the password into ~/.pgpass."
)
