"""`regsearch dashboard`: optuna-dashboard behind a guard."""

from __future__ import annotations

import sys

import click

from search.cli._options import storage_option
from search.cli._render import say


@click.command(epilog="Example: regsearch dashboard --port 8081")
@storage_option
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8080, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one.")
@click.option("--writable", is_flag=True, help="Let the browser change and delete studies. Off: it only reads.")
@click.option(
    "--password-file",
    metavar="FILE",
    help="Ask for the password, or the password of the hash, in FILE's first line, with any user name. Default: "
    "$REGSEARCH_DASHBOARD_PASSWORD, then none. Needed for an address that other machines can reach.",
)
@click.option(
    "--host-name",
    "names",
    metavar="NAME",
    multiple=True,
    help="Answer to this name, too, as behind a proxy. Repeatable; $REGSEARCH_DASHBOARD_HOSTS adds more, with commas.",
)
@click.option("--hash-password", is_flag=True, help="Print the hash of a password that is typed or piped in, and end.")
def dashboard(
    url: str | None,
    host: str,
    port: int,
    writable: bool,
    password_file: str | None,
    names: tuple[str, ...],
    hash_password: bool,
) -> None:
    """Browse the studies in the storage with optuna-dashboard."""
    from search.dashboard import PasswordHash, find_password, serve_dashboard
    from search.storage import default_url

    if hash_password:
        click.echo(str(PasswordHash.make(_read_password())))
        return
    password = find_password(password_file)
    serve_dashboard(url or default_url(), host, port, writable, say, password=password, names=names)


def _read_password() -> str:
    from search.errors import Problem, UsageError

    if sys.stdin.isatty():
        given: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        given = sys.stdin.readline().rstrip("\r\n")
    if not given.strip():
        raise UsageError(Problem("--hash-password", "expected a password on standard input, received an empty one"))
    return given
