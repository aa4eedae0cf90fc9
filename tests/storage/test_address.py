from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from search.errors import UsageError
from search.storage import default_url
from search.storage.address import parse_address, shows_password

_EXAMPLES = "Use sqlite:///FILE.db or postgresql://USER:PASSWORD@HOST/DATABASE."
_IN_MEMORY = (
    "expected a file, received a database in memory. "
    "A study in memory would be lost at the end; name a file, as in sqlite:///regsearch.db."
)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("sqlite:///:memory:", f"storage sqlite://...: {_IN_MEMORY}"),
        ("sqlite://", f"storage sqlite://...: {_IN_MEMORY}"),
        ("sqlite:///file::memory:?uri=true", f"storage sqlite://...: {_IN_MEMORY}"),
        ("sqlite:///file:x.db?mode=memory&uri=true", f"storage sqlite://...: {_IN_MEMORY}"),
        (
            "sqlite://study.db",
            "storage sqlite://...: expected three slashes before the file, received two. "
            "Did you mean sqlite:///study.db?",
        ),
        (
            "sqlite:///study.db?tiemout=3",
            "storage sqlite://...: expected no option but immutable, mode, timeout, uri, vfs, received tiemout. "
            + _EXAMPLES,
        ),
        (
            "sqlite:///study.db?timeout=soon",
            "storage sqlite://...: expected timeout to be a number of seconds, received something else. " + _EXAMPLES,
        ),
        ("study.db", "storage: expected a database URL, received one that cannot be read. "
                     "Did you mean sqlite:///study.db?"),
        ("", f"storage: expected a database URL, received one that cannot be read. {_EXAMPLES}"),
        ("mysql://u:secret@h/db", f"storage mysql://...: expected a SQLite or PostgreSQL URL, received one of mysql. "
                                  f"{_EXAMPLES}"),
        (
            "postgres://u:secret@h/db",
            f"storage postgres://...: expected a SQLite or PostgreSQL URL, received one of postgres. {_EXAMPLES}",
        ),
        (
            "postgresql+asyncpg://u:secret@h/db",
            f"storage postgresql+asyncpg://...: expected the driver psycopg or psycopg2, received asyncpg. {_EXAMPLES}",
        ),
        (
            "postgresql+psycopg2://u:secret@h/db",
            "storage postgresql+psycopg2://...: expected a driver that is installed, received psycopg2. "
            "Install the package psycopg2, or write postgresql:// for psycopg.",
        ),
        (
            "postgresql://user:secret",
            f"storage postgresql://...: expected a database URL, received one that cannot be read. {_EXAMPLES}",
        ),
        (
            "postgresql://user:my@secret@host/db",
            "storage postgresql://...: expected at most one @, received several. "
            "Write @ in a user name or a password as %40, and / as %2F.",
        ),
    ],
)  # fmt: skip
def test_a_url_that_cannot_be_used_is_refused_without_showing_it(url: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_address(url)
    assert str(caught.value) == message
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://ann:secret@host:5432/db", "postgresql://host:5432/db"),
        ("postgresql://ann:se%40cret@host/db", "postgresql://host/db"),
        ("postgresql://secret@host/db", "postgresql://host/db"),  # in the place of the user
        ("postgresql://host/db?user=ann&password=secret", "postgresql://host/db"),
        ("postgresql://host/db?options=-c%20secret", "postgresql://host/db"),
        ("sqlite:///some/where.db", "sqlite:///some/where.db"),
    ],
)
def test_scheme_host_port_and_database_alone_are_shown(url: str, shown: str) -> None:
    address = parse_address(url)
    assert address.shown == shown
    assert "secret" not in repr(address)


@pytest.mark.parametrize("url", ["postgresql://ann:a{b}c@host/d{e}", "sqlite:////tmp/a{b}.db"])
def test_braces_of_a_url_survive_optunas_template(url: str) -> None:
    filled = parse_address(url).optuna_url.format(SCHEMA_VERSION=1)
    assert sa.make_url(filled) == sa.make_url(url)


def test_two_ways_to_write_one_file_are_one_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "link.db").symlink_to(tmp_path / "real.db")
    (tmp_path / "folder").symlink_to(tmp_path)
    monkeypatch.chdir(tmp_path)
    urls = [
        "sqlite:///real.db",
        "sqlite:///./link.db",
        f"sqlite:///{tmp_path}/folder/link.db",
        f"sqlite+pysqlite:///{tmp_path}/real.db",
        f"sqlite:///file:{tmp_path}/real.db?uri=true",
        f"sqlite:///file://{tmp_path}/real.db?mode=ro&uri=true",
    ]
    assert {parse_address(url).path for url in urls} == {tmp_path.resolve() / "real.db"}


@pytest.mark.parametrize(("value", "url"), [(None, "sqlite:///regsearch.db"), ("", "sqlite:///regsearch.db"),
                                            ("postgresql:///studies", "postgresql:///studies")])  # fmt: skip
def test_default_url_is_optunas_variable_else_a_local_file(
    value: str | None, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPTUNA_STORAGE", raising=False)
    if value is not None:
        monkeypatch.setenv("OPTUNA_STORAGE", value)
    assert default_url() == url


@pytest.mark.parametrize(
    ("url", "lasting"),
    [
        ("sqlite:///a.db", "sqlite:///{folder}/a.db"),
        ("sqlite:///a.db?timeout=5", "sqlite:///{folder}/a.db?timeout=5"),
        ("sqlite:///file:a.db?uri=true", "sqlite:///file%3A{folder}/a.db?uri=true"),
        ("postgresql://me:s%40cret@host/studies", "postgresql://me:s%40cret@host/studies"),
    ],
)
def test_lasting_url_means_the_same_in_another_folder(
    url: str, lasting: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    address = parse_address(url)
    assert address.lasting_url == lasting.format(folder=tmp_path)
    monkeypatch.chdir("/")
    assert parse_address(address.lasting_url).path == address.path


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("postgresql://ann:secret@host/db", True),
        ("postgresql://host/db?password=secret", True),
        ("postgresql://ann@host/db", False),
        ("sqlite:///a.db", False),
        ("no url at all", False),
    ],
)
def test_a_password_in_a_url_is_noticed(url: str, told: bool) -> None:
    assert shows_password(url) is told


@pytest.mark.parametrize(("url", "whole"), [("postgresql://host/db", True), ("postgresql://ann@host/db", False)])
def test_what_is_shown_is_known_to_be_whole_or_not(url: str, whole: bool) -> None:
    assert parse_address(url).is_shown_whole is whole
