"""`regsearch export`: the chosen configuration as a file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from search.cli._options import name_argument, opened, storage_option, trust_option
from search.cli._render import say
from search.records.wording import better, show_value

if TYPE_CHECKING:
    from search.records import StudyRecord
    from search.reporting.exports import Export
    from search.selection import Ensemble


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
@click.option("--ensemble", is_flag=True, help="With --format keras: the weighted mean of the confirmed finalists.")
@trust_option
def export(name: str, url: str | None, format_: str, output: Path | None, trial: int | None, *, ensemble: bool) -> None:
    """Write the chosen configuration to a file, or to stdout."""
    chosen = _formats()[format_]
    if ensemble and trial is not None:
        raise click.UsageError("expected --trial or --ensemble, received both.")
    if output is None and chosen.suffix is not None:
        raise click.UsageError(f"expected -o FILE{chosen.suffix} with --format {format_}, received none.")
    chosen.check(output)
    with opened(url) as storage:
        if ensemble:
            for line in _ensemble_lines(chosen.write_ensemble(storage, name, output), storage.study(name)):
                say(line)
        else:
            # A format of a program that was written before there was `trial` takes none.
            chosen.write(storage, name, output, **({} if trial is None else {"trial": trial}))
    if output is not None:
        say(f"Wrote {output}")


def _ensemble_lines(ensemble: Ensemble, study: StudyRecord) -> list[str]:
    """Which trials are averaged, and what that is worth."""
    shares = ", ".join(f"{weight:.0%} trial {trial}" for trial, weight in ensemble.weights.items())
    lines, estimate = [f"Ensemble: {shares}."], ensemble.estimate
    if estimate is None:
        return [*lines, "Nothing here tells what such an ensemble scores on other rows."]
    low, high = estimate.interval
    score = (
        f"On rows that it was not chosen on such an ensemble scores a {study.metric} of {show_value(estimate.score)} "
        f"({estimate.level:.0%} interval {show_value(low)} to {show_value(high)})"
    )
    if estimate.difference == 0:
        return [*lines, f"{score}, the same as the baseline."]
    least, most = estimate.difference_interval
    gain = f"{show_value(abs(estimate.difference))} {better(study.direction, worse=estimate.difference < 0)}"
    ends = f"{estimate.level:.0%} interval of the gain {show_value(least)} to {show_value(most)}"
    return [*lines, f"{score}, {gain} than the baseline ({ends})."]
