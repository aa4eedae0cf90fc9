"""A study as one page that opens anywhere: the question, the verdict, figures with their numbers, and what was run.

| module | what lives there |
|---|---|
| `gathering` | `Report`: all that the page tells, from the storage |
| `comparing` | `Comparison`: what it tells of several studies together |
| `page` | the page itself, from `page.html.jinja`; it needs no network, and runs no script but its own |
"""

from search.reporting.report.comparing import Comparison, gather_comparison
from search.reporting.report.gathering import Report, gather_report
from search.reporting.report.page import Plots, report_html

__all__ = ["Comparison", "Plots", "Report", "gather_comparison", "gather_report", "report_html"]
