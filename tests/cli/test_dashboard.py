"""`regsearch dashboard`: what it refuses before it serves, and the hash of a password."""

import io

import pytest
from click.testing import CliRunner

from search import dashboard as room
from search.cli import cli
from search.dashboard import PasswordHash


@pytest.fixture
def served(monkeypatch):
    """What the server is given, which serves nothing."""
    given = {}
    monkeypatch.setattr(room, "serve_dashboard", lambda *arguments, **options: given.update(options, place=arguments))
    return given


def test_hash_of_a_piped_password_is_printed_and_nothing_is_served(served):
    done = CliRunner().invoke(cli, ["dashboard", "--hash-password"], input="open sesame\n")
    assert (done.exit_code, done.stderr) == (0, "")
    assert PasswordHash.parse(done.stdout.removesuffix("\n")).matches("open sesame")
    assert served == {}


def test_password_that_is_typed_twice_shows_nowhere(monkeypatch, served):
    monkeypatch.setattr("click.testing._NamedTextIOWrapper.isatty", lambda self: True, raising=False)
    done = CliRunner().invoke(cli, ["dashboard", "--hash-password"], input="open sesame\nopen sesame\n")
    assert done.exit_code == 0
    assert done.stderr.splitlines()[0].startswith("Password: ")
    assert PasswordHash.parse(done.stdout.removesuffix("\n")).matches("open sesame")
    assert "sesame" not in done.output


def test_no_password_has_no_hash(command, monkeypatch, tmp_path, served):
    monkeypatch.setattr("sys.stdin", io.StringIO("\n"))
    done = command.in_this_process("dashboard", "--hash-password", cwd=tmp_path)
    assert (done.code, done.out) == (2, "")
    assert done.err == "--hash-password: expected a password on standard input, received an empty one.\n"


def test_password_and_names_are_handed_on(served, tmp_path):
    (tmp_path / "password").write_text("open sesame\n")
    options = ["--password-file", str(tmp_path / "password"), "--host-name", "a.example", "--host-name", "b.example"]
    assert CliRunner().invoke(cli, ["dashboard", *options]).exit_code == 0
    assert served["password"].matches("open sesame")
    assert served["names"] == ("a.example", "b.example")


def test_public_address_without_a_password_exits_2(commands):
    done = commands("dashboard", "--host", "0.0.0.0", "--port", "0")
    assert (done.code, done.out) == (2, "")
    assert done.err.splitlines()[-1] == (
        "--host: expected a password where other machines can reach the dashboard, received '0.0.0.0' without one. "
        "Give --password-file FILE or $REGSEARCH_DASHBOARD_PASSWORD, or listen on 127.0.0.1."
    )
