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
    from search.storage import Storage


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
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Default: stdout. A folder with --all.")
@click.option("--trial", type=click.IntRange(0), metavar="N", help="Another trial than the chosen one.")
@click.option("--ensemble", is_flag=True, help="With --format keras: the weighted mean of the confirmed finalists.")
@click.option("--card", is_flag=True, help="Write a model card beside the file: best.card.md beside best.keras.")
@click.option("--all", "all_", is_flag=True, help="A folder with every format, card, report, tables and checksums.")
@trust_option
@click.pass_context
def export(
    context: click.Context,
    name: str,
    url: str | None,
    format_: str,
    output: Path | None,
    trial: int | None,
    *,
    ensemble: bool,
    card: bool,
    all_: bool,
) -> None:
    """Write the chosen configuration to a file, or to stdout.

    A file, or the folder of --all, is replaced whole or not at all: killed at any moment, the export leaves the old one
    or the new one.
    """
    if ensemble and trial is not None:
        raise click.UsageError("expected --trial or --ensemble, received both.")
    if all_:
        if context.get_parameter_source("format_") is click.core.ParameterSource.COMMANDLINE:
            raise click.UsageError("expected --format or --all, received both.")
        _export_all(name, url, output, trial, ensemble=ensemble)
        return
    chosen = _formats()[format_]
    if output is None and chosen.suffix is not None:
        raise click.UsageError(f"expected -o FILE{chosen.suffix} with --format {format_}, received none.")
    if output is None and card:
        raise click.UsageError("expected -o FILE with --card, received none.")
    chosen.check(output)
    if output is not None and card:
        _check_card(output)
    with opened(url) as storage:
        averaged = None
        if ensemble:
            averaged = chosen.write_ensemble(storage, name, output)
            _say_ensemble(averaged, storage.study(name))
        else:
            # A format of a program that was written before there was `trial` takes none.
            chosen.write(storage, name, output, **({} if trial is None else {"trial": trial}))
        if output is not None:
            if trial is None and not ensemble:
                _say_unregularized(storage, name)
            say(f"Wrote {output}")
        if output is not None and card:
            from search.reporting.exports.card import write_card

            say(f"Wrote {write_card(storage, name, output, trial, averaged)}")


def _check_card(output: Path) -> None:
    from search.errors import Problem, UsageError
    from search.reporting.exports import check_place
    from search.reporting.exports.card import card_path

    if output.exists() and not output.is_file():
        raise UsageError(Problem("--card", f"expected a file that a card can stand beside, received {output}"))
    check_place(card_path(output))


def _export_all(name: str, url: str | None, output: Path | None, trial: int | None, *, ensemble: bool) -> None:
    from search.reporting.exports.folder import check_folder, export_folder

    if output is None:
        raise click.UsageError("expected -o FOLDER with --all, received none.")
    check_folder(output)
    with opened(url) as storage:
        written = export_folder(_formats(), storage, name, output, trial, ensemble=ensemble)
        if written.ensemble is not None:
            _say_ensemble(written.ensemble, storage.study(name))
        if trial is None and not ensemble:
            _say_unregularized(storage, name)
    for format_, reason in written.left_out.items():
        say(f"note: without {format_}: {reason}")
    say(f"Wrote {output}: {', '.join(sorted(written.files))}")


def _say_unregularized(storage: Storage, name: str) -> None:
    """That what was written is the baseline, where that is the choice: its file looks like any other."""
    from search.reporting.sentences import baseline_in_words
    from search.reporting.summaries import summarize_best

    told = baseline_in_words(summarize_best(storage, name))
    if told is not None:
        say(told)


def _say_ensemble(ensemble: Ensemble, study: StudyRecord) -> None:
    for line in _ensemble_lines(ensemble, study):
        say(line)


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
