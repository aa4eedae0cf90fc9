"""Pages of a dashboard that only reads: what is added to them, and that nothing else is touched."""

from __future__ import annotations

from wsgiref.util import setup_testing_defaults

import pytest

from search.dashboard.read_only import ReadOnlyPages

PAGE = b"<html><head><title>x</title></head><body>x</body></html>"


def static(environ, start_response):
    """A file on the disk, as optuna-dashboard serves its page."""
    if "HTTP_IF_NONE_MATCH" in environ:
        start_response("304 Not Modified", [("ETag", "1")])
        return []
    about = [("Content-Type", "text/html"), ("Content-Length", str(len(PAGE))), ("Content-Security-Policy", "own")]
    start_response("200 OK", [*about, ("ETag", "1"), ("Last-Modified", "Sat"), ("Accept-Ranges", "bytes")])
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [PAGE]


def ask(path, method="GET", **headers):
    environ = {"REQUEST_METHOD": method, "PATH_INFO": path, **headers}
    setup_testing_defaults(environ)
    told = {}
    body = ReadOnlyPages(static)(environ, lambda status, headers: told.update(status=status, headers=dict(headers)))
    return told["status"], told["headers"], b"".join(body)


@pytest.mark.parametrize("path", ["/dashboard", "/dashboard/studies/1/trials"])
def test_page_gets_a_style_and_is_never_kept_from_another_start(path):
    status, headers, body = ask(path, HTTP_IF_NONE_MATCH="1")
    assert status == "200 OK"
    begin, style, end = body.partition(body[body.index(b"<style>") : body.index(b"</style>") + len(b"</style>")])
    assert begin + end == PAGE
    assert b'button[aria-label="delete study"]' in style
    assert headers == {
        "Content-Type": "text/html",
        "Content-Length": str(len(body)),
        "Cache-Control": "no-cache",
        "Content-Security-Policy": "own",
    }


@pytest.mark.parametrize(
    ("path", "method"), [("/api/studies", "GET"), ("/static/bundle.js", "GET"), ("/dashboard", "HEAD")]
)
def test_what_is_no_page_is_left_as_it_is(path, method):
    _, headers, body = ask(path, method)
    assert body == (b"" if method == "HEAD" else PAGE)
    assert (headers["ETag"], headers["Content-Length"]) == ("1", str(len(PAGE)))
