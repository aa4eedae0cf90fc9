"""`regsearch doctor`: whether this machine and its storage are fit for studies."""

from __future__ import annotations

import itertools
import sys
from collections import Counter
from operator import attrgetter
from typing import TYPE_CHECKING

import click

from search.cli._options import format_option, storage_option
from search.cli._render import count_of, print_json, print_lines, terminal_width

if TYPE_CHECKING:
    from search.reporting.health import Finding

_NAME = 17
_MARGIN = 13 + _NAME
_NARROW = 70
"""Columns below which what was found stands below its name."""


@click.command(epilog="Example: regsearch doctor --storage sqlite:///regsearch.db")
@storage_option
@format_option()
def doctor(url: str | None, format_: str) -> None:
    """Look at versions, processor, memory, folders, storage, GPU and TensorFlow, and say what to do.

    Exit code 0 when nothing is a problem, 1 otherwise. Warnings are no problem, and neither is a storage that is not
    there yet.
    """
    from search.reporting.health import check_health
    from search.storage import default_url

    findings: list[Finding] = []
    for part, found in itertools.groupby(check_health(url or default_url()), key=attrgetter("part")):
        if format_ == "table":
            click.echo(f"{part}" if not findings else f"\n{part}")
        for finding in found:
            findings.append(finding)
            if format_ == "table":
                _print_finding(finding)
    counts = Counter(finding.mark for finding in findings)
    if format_ == "json":
        listed = [finding.to_json() for finding in findings]
        print_json({"problems": counts["problem"], "warnings": counts["warning"], "findings": listed})
    else:
        told = [count_of(counts[mark], mark) for mark in ("problem", "warning") if counts[mark]]
        click.echo(f"\n{', '.join(told) or 'All is well'}.")
    if counts["problem"]:
        sys.exit(1)


def _print_finding(finding: Finding) -> None:
    """What was found, and below it what to do about it."""
    width = terminal_width()
    if width is not None and width < _NARROW:
        print_lines(f"{finding.mark}: {finding.name}: {finding.found}", hanging=4)
        if finding.remedy:
            print_lines(f"    {finding.remedy}")
        return
    print_lines(f"  {finding.mark:<8} {finding.name:<{_NAME}}  {finding.found}", hanging=_MARGIN - 2)
    if finding.remedy:
        print_lines(f"{'':<{_MARGIN}}{finding.remedy}")
