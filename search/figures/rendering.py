"""A figure as a page of its own, or as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import plotly.graph_objects as go

_CONFIG = {"displaylogo": False, "responsive": True}


def figure_html(figure: go.Figure) -> str:
    """A page that shows the figure, without any network: plotly.js is in it, some 5 MB."""
    page: str = figure.to_html(include_plotlyjs=True, full_html=True, config=_CONFIG)
    title = figure.layout.title.text
    return page.replace(
        "<head>", f'<head><title>{_escaped(title)}</title><meta name="color-scheme" content="light">', 1
    )


def figure_json(figure: go.Figure) -> str:
    """The figure as Plotly's JSON, which `plotly.io.from_json` and plotly.js read."""
    text: str = figure.to_json()
    return text


def plotly_script() -> str:
    """The library that draws figures in a browser, some 5 MB."""
    from plotly.offline import get_plotlyjs

    script: str = get_plotlyjs()
    return script


def warm_up() -> None:
    """Import what draws figures, which takes a second: a server does so before it is asked."""
    import plotly.graph_objects
    import plotly.subplots  # noqa: F401


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
