"""`regsearch predict`: what an exported model says of rows."""

from __future__ import annotations

from pathlib import Path

import click

from search.cli._options import trust_option


@click.command(epilog="Example: regsearch predict best.keras new.csv -o predicted.csv")
@click.argument("model", type=click.Path(path_type=Path, dir_okay=False))
@click.argument("rows", type=click.Path(path_type=Path, dir_okay=False))
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Default: stdout.")
@click.option(
    "--custom",
    metavar="FILE.py",
    type=click.Path(path_type=Path, dir_okay=False),
    help="What defines layers that are not Keras' own.",
)
@trust_option
def predict(model: Path, rows: Path, output: Path | None, custom: Path | None) -> None:
    """Predict the rows of a CSV file with a model that `regsearch export --format keras` wrote.

    ROWS has the columns that the study learned from, written as they were there; missing cells, dates and text are
    taken as in training. The rows are written with the predicted class and the probability of each class, or with the
    predicted number, behind their own columns. A model of arrays takes an NPZ file: `x`, or `x_NAME` of each input.

    A text that begins with =, +, - or @ has an apostrophe in front, so that no spreadsheet runs it as a formula.
    """
    from search.followup.prediction import predict_rows
    from search.reporting.exports import check_place, write_export

    if output is not None:
        check_place(output)
    text = predict_rows(model, rows, custom).to_csv()
    if output is None:
        click.echo(text, nl=False)
        return
    write_export(text, output)
    click.echo(f"Wrote {output}", err=True)
