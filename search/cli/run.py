"""`regsearch run`: launch a study, or go on with it."""

from __future__ import annotations

import contextlib
import json
import math
import shlex
import sys
import time
from typing import TYPE_CHECKING

import click

from search.cli._options import opened, quiet_option, set_option, storage_option, study_argument, trust_option
from search.cli._render import is_quiet, print_commands, print_lines
from search.cli._signals import explained
from search.cli._training import count_workers, n_jobs_option, scheduler_option
from search.cli.best import print_best
from search.errors import Problem, UsageError
from search.fork_server import workers_begun

if TYPE_CHECKING:
    from search.reporting.summaries import Best


_MOST_OPENING_SECONDS = 30.0
"""How long a database is waited for that does not answer from the first: it starts beside this, or is not there."""


def _finite(context: click.Context, parameter: click.Parameter, value: float | None) -> float | None:
    if value is not None and not math.isfinite(value):
        raise click.BadParameter(f"expected a number of seconds, received {value}.", context, parameter)
    return value


@click.command(epilog="Example: regsearch run studies/moons.toml --n-trials 100 --set training.epochs=200 --n-jobs 2")
@study_argument
@storage_option
@click.option("--study-name", metavar="NAME", help="Name in the storage; default: the study file's.")
@click.option("--n-trials", type=click.IntRange(1), metavar="N", help="Trials in all, earlier ones included.")
@n_jobs_option
@click.option(
    "--timeout",
    type=click.FloatRange(0, min_open=True),
    callback=_finite,
    metavar="SECONDS",
    help="Ask no more trials after this, and withdraw those that do not end within a tenth of it (30 s at most).",
)
@click.option(
    "--storage-timeout",
    type=click.FloatRange(0),
    callback=_finite,
    default=3600.0,
    show_default=True,
    metavar="SECONDS",
    help="Wait this long for a database that goes away. Training goes on; results are kept on the disk meanwhile.",
)
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), metavar="N", help="Seed of splits, weights and sampler.")
@scheduler_option
@click.option(
    "--look-again", is_flag=True, help="Score the sealed rows once more, after trials were added; it counts, and shows."
)
@set_option
@trust_option
@quiet_option
def run(
    study: str,
    url: str | None,
    study_name: str | None,
    n_trials: int | None,
    n_jobs: int | None,
    timeout: float | None,
    storage_timeout: float,
    seed: int | None,
    scheduler: str | None,
    look_again: bool,
    overrides: tuple[str, ...],
) -> None:
    """Launch a study, or go on with one that was interrupted.

    STUDY is a TOML file or the name of a shipped study. The budget is a total: running a finished study again
    adds nothing, a larger --n-trials adds the difference.
    """
    # Quoted, for a name that looks like a number is a name; JSON's text is TOML's, too.
    named = {"study.name": study_name and json.dumps(study_name), "study.n_trials": n_trials, "study.seed": seed}
    given = [f"{key}={value}" for key, value in named.items() if value is not None]
    began, n_workers = time.monotonic(), count_workers(n_jobs)
    interrupted = "Interrupted. What ended is stored; the same command goes on from there."
    _refuse_at_once(study, url)
    with contextlib.ExitStack() as stack:
        stack.enter_context(workers_begun(n_workers, scheduler))  # before this process imports what it needs itself
        from search.cli._progress import watch
        from search.coordination.launching import Launch, run_study
        from search.preparation.files import prepare_study
        from search.reporting.summaries import summarize_best

        launch = Launch(
            n_workers,
            scheduler,
            timeout,
            look_again=look_again,
            command=_command(),
            storage_timeout_seconds=storage_timeout,
        )
        prepared = prepare_study(study, (*overrides, *given))
        if look_again and not len(prepared.sealed):
            message = "expected sealed rows to look at, received a study without"
            raise UsageError(Problem("--look-again", message, "Set split.test, for a study of another name."))
        stack.enter_context(explained(interrupted))
        patience = min(storage_timeout, _MOST_OPENING_SECONDS)
        storage = stack.enter_context(opened(url, create=True, patience_seconds=patience))
        observer = stack.enter_context(watch(prepared, quiet=is_quiet()))
        record = run_study(prepared, storage, launch, observer)
        observer.close()
        _print_summary(
            summarize_best(storage, record.name),
            storage.url_shown,
            url is not None and storage.is_shown_whole,
            time.monotonic() - began,
        )


def _refuse_at_once(study: str, url: str | None) -> None:
    """Refuse what a glance at the command line tells, before workers begin to import TensorFlow.

    The file is read, and the database opened, while they import: what is wrong there ends them.

    Raises:
        StudyFileError: There is no such study.
        UsageError: The URL is not that of a database.
    """
    from search.preparation.shipped import find_study_file
    from search.storage.address import default_url, parse_address

    find_study_file(study)
    parse_address(url or default_url())


def _command() -> str:
    """What the user typed, for the record of looks: the storage's URL, which may hold a password, left out."""
    words, shown = iter(sys.argv[1:]), ["regsearch"]
    for word in words:
        if word == "--storage":
            next(words, None)
        elif not word.startswith("--storage="):
            shown.append(word)
    return shlex.join(shown)


def _print_summary(found: Best, url_shown: str, is_option: bool, seconds: float) -> None:
    name = found.study.name
    if not is_quiet():  # which tells nothing before this
        click.echo()
    print_lines(f"{name}: {found.n_trials} of {found.study.n_trials} trials ended, {seconds:.0f} s\n")
    print_best(found)
    if is_quiet():
        return
    # What lacks a user or a password cannot be pasted; whoever gave one knows where to put it.
    option = f" --storage {shlex.quote(url_shown)}" if is_option else ""
    print_lines(f"\nResults are in {url_shown}. Next:")
    print_commands(
        [
            (f"regsearch trials {name}{option}", "every trial"),
            (f"regsearch report {name} -o {name}.html{option}", "what was found, as a page with figures"),
            (f"regsearch export {name} --format keras -o best.keras{option}", "the best model, trained"),
            (f"regsearch dashboard{option}", "browse curves and parameters"),
        ]
    )
