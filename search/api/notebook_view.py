"""A study as a notebook shows it: what was found, in a table and a few sentences, and what to type next.

Colors are the notebook's own, light or dark: nothing here has one but lines, which are half transparent.
"""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from search.records.wording import describe_configuration, show_value
from search.reporting.sentences import sentences_on
from search.reporting.summaries import summarize_best, summarize_status

if TYPE_CHECKING:
    from search.reporting.summaries import Best, Status
    from search.storage import Storage

_CELL = "padding:.2em .8em;text-align:left;border-bottom:1px solid rgba(128,128,128,.4)"
_NUMBER = _CELL.replace("text-align:left", "text-align:right")
_MUTED = "opacity:.75"


def study_html(storage: Storage, name: str) -> str:
    """The view of a study, as a part of a page.

    Args:
        storage: An open database.
        name: The study.

    Raises:
        UnknownStudyError: There is no such study.
    """
    found, status = summarize_best(storage, name), summarize_status(storage, name)
    parts = [_heading(found, status)]
    if found.choice.best is None:
        parts.append("<p>No trial has a score yet.</p>")
    else:
        first, *rest = (_escaped(line) for line in sentences_on(found))
        parts += [f"<p><b>{first}</b></p>", _table(found)]
        if rest:
            parts.append(f"<details><summary>More</summary>{''.join(f'<p>{line}</p>' for line in rest)}</details>")
    parts.append(_next(found, status))
    return f'<div style="max-width:60em">{"".join(parts)}</div>'


def _heading(found: Best, status: Status) -> str:
    study = found.study
    told = f"{status.state}, {found.n_trials} of {study.n_trials} trials ended; {study.metric} ({study.direction})"
    return f'<p><b>{_escaped(study.name)}</b> <span style="{_MUTED}">{_escaped(told)}</span></p>'


def _table(found: Best) -> str:
    """The baseline against the choice; the best trial of the search, and the candidate, where they are neither."""
    choice, facts = found.choice, found.study.facts
    confirmed = {} if choice.verdict is None else {each.trial: each.score for each in choice.verdict.finalists}
    headers = ["", "trial", f"{found.study.metric}", *(["confirmed"] if confirmed else []), "configuration"]
    rows = []
    for trial, roles in choice.roles:
        numbers = [str(trial.number), show_value(trial.score)]
        if confirmed:
            numbers.append(show_value(confirmed[trial.number]) if trial.number in confirmed else "")
        cells = [f'<th scope="row" style="{_CELL}">{", ".join(roles)}</th>']
        cells += [f'<td style="{_NUMBER}">{_escaped(cell)}</td>' for cell in numbers]
        cells.append(f'<td style="{_CELL}">{_escaped(describe_configuration(trial.configuration, facts))}</td>')
        rows.append(f"<tr>{''.join(cells)}</tr>")
    head = "".join(f'<th scope="col" style="{_CELL}">{_escaped(header)}</th>' for header in headers)
    body = "".join(rows)
    style = "border-collapse:collapse;color:inherit;font:inherit"
    return f'<table style="{style}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def _next(found: Best, status: Status) -> str:
    """What to type next."""
    name = found.study.name
    lines = []
    if status.state in ("interrupted", "stopped"):
        lines.append((f"search.run(..., study_name={name!r})", "goes on from there"))
    if found.choice.best is not None:
        lines += [
            ("study.trials", "every trial, as a data frame"),
            ('study.plot("curves")', "losses of baseline and choice"),
            (f'study.report("{name}.html")', "what was found, as a page"),
            ("study.model()", "the model with the chosen configuration, trained"),
        ]
    told = "<br>".join(
        f'<code>{_escaped(code)}</code> <span style="{_MUTED}">{_escaped(purpose)}</span>' for code, purpose in lines
    )
    return f"<p>{told}</p>" if told else ""


def _escaped(text: str) -> str:
    return html.escape(text).replace("\n", "<br>")
