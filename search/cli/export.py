"""`regsearch export`: the chosen configuration as a file."""

from __future__ import annotations

from pathlib import Path

import click

from search.cli._options import name_argument, opened, storage_option


@click.command(epilog="Example: regsearch export moons --format keras -o best.keras")
@name_argument
@storage_option
@click.option(
    "--format",
    "format_",
    type=click.Choice(["toml", "json", "yaml", "python", "keras"]),
    default="toml",
    show_default=True,
    help="python: a file that builds and compiles the model with Keras alone; keras: the model, trained once more on "
    "all rows that are not sealed.",
)
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Default: stdout.")
def export(name: str, url: str | None, format_: str, output: Path | None) -> None:
    """Write the best configuration to a file, or to stdout."""
    if format_ == "keras":
        _export_model(name, url, output)
        return
    from search.reporting.exports import export_best, write_export

    with opened(url) as storage:
        text = export_best(storage, name, format_)
    if output is None:
        click.echo(text, nl=False)
        return
    write_export(text, output)
    click.echo(f"Wrote {output}", err=True)


def _export_model(name: str, url: str | None, output: Path | None) -> None:
    if output is None:
        raise click.UsageError("expected -o FILE.keras with --format keras, received none.")
    from search.followup.refit import check_model_path, train_best, write_model

    check_model_path(output)
    with opened(url) as storage:
        model = train_best(storage, name)
    write_model(model, output)
    click.echo(f"Wrote {output}", err=True)
