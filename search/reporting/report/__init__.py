"""A study as one page that opens anywhere: the question, the verdict, figures with their numbers, and what was run.

| module | what lives there |
|---|---|
| `gathering` | `Report`: all that the page tells, from the storage |
| `page` | the page itself, from `page.html.jinja`; it needs no network, and runs no script but its own |
"""

from search.reporting.report.gathering import Report, gather_report
from search.reporting.report.page import report_html

__all__ = ["Report", "gather_report", "report_html"]
