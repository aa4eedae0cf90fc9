"""`regsearch trials`: one row a trial."""

from __future__ import annotations

import click

from search.cli._options import format_option, name_argument, opened, storage_option
from search.cli._render import NOTHING_YET, print_json, print_table, say
from search.records.wording import describe_configuration


@click.command(epilog="Example: regsearch trials moons --format csv > trials.csv")
@name_argument
@storage_option
@format_option("csv")
def trials(name: str, url: str | None, format_: str) -> None:
    """Print one row a trial, with the effective configuration; what is off is absent.

    In CSV a text that begins with =, +, - or @ has an apostrophe in front, so that no spreadsheet runs it as a formula.
    """
    from search.reporting.csv_tables import trials_csv
    from search.reporting.summaries import list_trials, trial_row_json

    with opened(url) as storage:
        study, listed = list_trials(storage, name)
    if format_ == "json":
        print_json([trial_row_json(trial) for trial in listed])
        return
    if format_ == "csv":
        click.echo(trials_csv(study, listed), nl=False)
        return
    searched = list(study.spec["space"])
    absent = {key: study.facts.absent_in_words(key) for key in searched}
    rows = [
        [
            t.number,
            t.state.value.lower(),
            t.score,
            *(t.configuration.get(key, absent[key]) for key in searched),
            t.error,
        ]
        for t in listed
    ]
    headers = ["trial", "state", study.metric, *searched, "error"]
    if not listed:
        say(NOTHING_YET.format(name=study.name, what="no trials"))
        return
    failed = any(trial.error for trial in listed)
    if not failed:
        headers, rows = headers[:-1], [row[:-1] for row in rows]
    narrow = (
        [t.number, t.state.value.lower(), t.score, t.error or describe_configuration(t.configuration, study.facts)]
        for t in listed
    )
    print_table(
        headers,
        rows,
        (["trial", "state", study.metric, "configuration or error" if failed else "configuration"], narrow),
    )
