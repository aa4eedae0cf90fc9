"""`regsearch dashboard`: optuna-dashboard behind a guard."""

from __future__ import annotations

import click

from search.cli._options import storage_option
from search.cli._render import say


@click.command(epilog="Example: regsearch dashboard --port 8081")
@storage_option
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8080, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one.")
@click.option("--writable", is_flag=True, help="Let the browser change and delete studies. Off: it only reads.")
def dashboard(url: str | None, host: str, port: int, writable: bool) -> None:
    """Browse the studies in the storage with optuna-dashboard."""
    from search.dashboard import serve_dashboard
    from search.storage import default_url

    serve_dashboard(url or default_url(), host, port, writable, on_ready=say)
