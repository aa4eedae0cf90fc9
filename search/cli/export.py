"""`regsearch export`: the chosen configuration as a file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from search.cli._options import name_argument, opened, storage_option
from search.cli._render import say

if TYPE_CHECKING:
    from search.reporting.exports import Export


class _Format(click.ParamType[str]):
    """One of the formats that there are; they are looked up when a text is parsed or shown, not before."""

    name = "format"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str | None:
        return _choice().get_metavar(param, ctx)

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return _choice().convert(value, param, ctx)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return _choice().shell_complete(ctx, param, incomplete)


class _FormatOption(click.Option):
    """`--format`, whose help text is put together from what the formats say of themselves."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        told = [f"{export.name}: {export.help}" for export in _formats().values() if export.help]
        self.help = f"{'; '.join(told)}."
        return super().get_help_record(ctx)


def _choice() -> click.Choice[str]:
    return click.Choice(tuple(_formats()))


def _formats() -> Mapping[str, Export]:
    from search.reporting.exports import EXPORTS

    return EXPORTS


@click.command(epilog="Example: regsearch export moons --format keras -o best.keras")
@name_argument
@storage_option
@click.option("--format", "format_", cls=_FormatOption, type=_Format(), default="toml", show_default=True)
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Default: stdout.")
@click.option("--trial", type=click.IntRange(0), metavar="N", help="Another trial than the chosen one.")
def export(name: str, url: str | None, format_: str, output: Path | None, trial: int | None) -> None:
    """Write the chosen configuration to a file, or to stdout."""
    chosen = _formats()[format_]
    if output is None and chosen.suffix is not None:
        raise click.UsageError(f"expected -o FILE{chosen.suffix} with --format {format_}, received none.")
    chosen.check(output)
    with opened(url) as storage:
        chosen.write(storage, name, output, trial)
    if output is not None:
        say(f"Wrote {output}")
