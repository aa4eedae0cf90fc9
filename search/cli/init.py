"""`regsearch init`: write a study file for a model and its data."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from search.cli._options import trust_option
from search.cli._render import is_quiet, print_commands


@click.command(epilog="Example: regsearch init --model net.keras --data train.csv --target label -o study.toml")
@click.option(
    "--model", required=True, metavar="FILE.keras|FAMILY", help="A saved Keras model, FILE.py:function, or a family."
)
@click.option(
    "--data",
    required=True,
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="CSV with a header line, Parquet, NPZ with x and y, or a folder with a folder of pictures a class.",
)
@click.option(
    "--target",
    multiple=True,
    metavar="COLUMN",
    help="CSV, Parquet: the column to predict, repeatable. NPZ: of several y_NAME the one that is scored.",
)
@click.option(
    "-o",
    "--output",
    default="study.toml",
    show_default=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="The study file; paths in it are relative to its folder.",
)
@click.option("--custom", metavar="FILE.py", help="What defines layers and losses that are not Keras' own.")
@click.option("--force", is_flag=True, help="Replace a file that exists.")
@trust_option
def init(model: str, data: Path, target: tuple[str, ...], output: Path, custom: str | None, force: bool) -> None:
    """Write a commented study file, with ranges that suit the layers of a model and the number of rows.

    It is a start, to be read and changed. `regsearch check` passes as it is.
    """
    from search.errors import Problem, UsageError
    from search.preparation.drafted_data import Draft
    from search.preparation.drafting import draft_study
    from search.reporting.exports import write_export

    if output.exists() and not force:
        message = f"expected a path where nothing is yet, received {output}"
        raise UsageError(Problem("--output", message, "Add --force to replace it."))
    is_archive = data.suffix.lower() == ".npz" and len(target) == 1
    columns, scored = ((), target[0]) if is_archive else (target, None)
    text = draft_study(Draft(output.parent, model, data, columns, output.stem, custom=custom, output=scored))
    write_export(text, output)
    if is_quiet():
        return
    click.echo(f"Wrote {output}. Next:")
    shown, name, trust = shlex.quote(str(output)), _name_in(text), " --trust" if custom else ""
    commands = [
        (f"regsearch check {shown}{trust}", "what would be searched, and how the data looks"),
        (f"regsearch run {shown}{trust}", "search"),
        (f"regsearch export {name} --format keras -o regularized.keras{trust}", "the best model, trained"),
    ]
    if (rows := _new_rows(data)) is not None:
        custom_shown = f" --custom {shlex.quote(custom)}{trust}" if custom else ""
        commands.append((f"regsearch predict regularized.keras {rows}{custom_shown}", "what it says of new rows"))
    print_commands(commands)


def _new_rows(data: Path) -> str | None:
    """What a file of new rows may be called, for data whose rows `predict` takes; None for a folder of pictures."""
    if data.is_dir():
        return None
    return "new.npz" if data.suffix.lower() == ".npz" else "new.csv"


def _name_in(study: str) -> str:
    import tomllib

    return str(tomllib.loads(study)["study"]["name"])
