"""The command line: one file a command. A command parses, calls one function and renders.

Results go to stdout, everything else to stderr. Exit codes: 0 done; 1 the study failed; 2 bad usage, study file or
data; 3 storage unreachable or locked; 130 and 143 after SIGINT and SIGTERM. Heavy imports happen inside the command
that needs them, so that `regsearch --help` answers at once.
"""

from __future__ import annotations

import errno
import io
import os
import signal
import sys
from typing import NoReturn

import click

from search.cli._help import NARROW, FittingContext, help_settings
from search.cli._options import quiet_option
from search.cli._render import print_lines, say
from search.cli.ablate import ablate
from search.cli.backup import backup
from search.cli.best import best
from search.cli.check import check
from search.cli.compare import compare
from search.cli.completion import completion
from search.cli.dashboard import dashboard
from search.cli.delete import delete
from search.cli.doctor import doctor
from search.cli.export import export
from search.cli.init import init
from search.cli.logs import logs
from search.cli.path import path
from search.cli.plot import plot
from search.cli.predict import predict
from search.cli.rename import rename
from search.cli.report import report
from search.cli.restore import restore
from search.cli.run import run
from search.cli.status import status
from search.cli.stop import stop
from search.cli.studies import studies
from search.cli.trials import trials
from search.cli.watch import watch
from search.errors import RegsearchError
from search.signals import Terminated, exit_code
from search.user_code import code_told

_WHOLE = 1000  # characters: where what a command does stands below its name, nothing need be cut


class _InOrder(click.Group):
    """Lists commands in the order in which people meet them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if formatter.width >= NARROW:
            super().format_commands(ctx, formatter)
            return
        rows = [(name, command.get_short_help_str(limit=_WHOLE)) for name, command in self.commands.items()]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


@click.group(cls=_InOrder)
@quiet_option
@click.version_option(package_name="regsearch", message="regsearch %(version)s")
@click.pass_context
def cli(context: click.Context) -> None:
    """Find the regularization that makes a Keras model generalize.

    Launch a study, read what it found, export the best configuration. A first search, on data that comes with
    the program, takes about a minute:

    \b
        regsearch run moons
        regsearch best moons
    """
    context.with_resource(code_told(lambda name: say(f"Runs the code of {name}, which the study names.")))


_READING = (check, studies, status, trials, logs, best, compare)
for _command in (
    run,
    init,
    watch,
    *_READING,
    ablate,
    path,
    plot,
    report,
    stop,
    export,
    predict,
    dashboard,
    backup,
    restore,
    rename,
    delete,
    doctor,
    completion,
):
    cli.add_command(_command)
for _command in (cli, *cli.commands.values()):
    _command.context_class = FittingContext


def main() -> NoReturn:
    """Run the command line and exit with its code."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as stderr: a locale without a letter ends no command
    try:
        cli.main(prog_name="regsearch", standalone_mode=False, **help_settings())
        sys.stdout.flush()
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.ClickException as error:
        shown = io.StringIO()
        error.show(file=shown)
        print_lines(shown.getvalue().rstrip("\n"), err=True)
        sys.exit(error.exit_code)
    except RegsearchError as error:
        print_lines(str(error), err=True)
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(exit_code(signal.SIGINT))
    except Terminated as terminated:
        sys.exit(terminated.exit_code)
    except BrokenPipeError:
        # Whoever read our output has enough (`regsearch trials moons | head`).
        _drop_stdout()
        sys.exit(0)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        _drop_stdout()
        click.echo(f"output: expected room on the disk, received: {error.strerror}. What is stored is safe.", err=True)
        sys.exit(1)
    sys.exit(0)


def _drop_stdout() -> None:
    """Send what is still in stdout's buffer nowhere, so that Python's own flush at exit is quiet."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
