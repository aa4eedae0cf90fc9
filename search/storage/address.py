"""Where a database is: a URL becomes an `Address`, and no password is ever shown."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote, unquote

import sqlalchemy as sa

from search.errors import Problem, UsageError

DEFAULT_URL = "sqlite:///regsearch.db"
_EXAMPLES = "Use sqlite:///FILE.db or postgresql://USER:PASSWORD@HOST/DATABASE."
_POSTGRESQL_DRIVERS = ("psycopg", "psycopg2")
_SQLITE_OPTIONS = frozenset({"uri", "timeout", "mode", "immutable", "vfs"})


@dataclass(frozen=True)
class Address:
    """A database that we can open.

    Args:
        url: The parsed URL, password included: never shown.
        shown: The URL for messages: of a server scheme, host, port and database alone.
        path: The SQLite file, absolute and with symbolic links resolved, so that two ways to write the same
            file are one address; None for a server.
    """

    url: sa.URL = field(repr=False)
    shown: str
    path: Path | None

    @property
    def is_shown_whole(self) -> bool:
        """Whether what is shown opens the same database: it needs no user, no password and no options."""
        return self.path is not None or not (self.url.username or self.url.password or self.url.query)

    @property
    def lasting_url(self) -> str:
        """The URL that means the same in any working directory, password included."""
        url = self.url
        if self.path is not None:
            is_uri = (url.database or "").startswith("file:")
            url = url.set(database=f"file:{quote(str(self.path))}" if is_uri else str(self.path))
        return url.render_as_string(hide_password=False)

    @property
    def optuna_url(self) -> str:
        """The URL as Optuna takes it, password included; braces doubled: Optuna fills a template."""
        url = self.url if self.path is None else sa.URL.create("sqlite", database=str(self.path))
        return url.render_as_string(hide_password=False).replace("{", "{{").replace("}", "}}")


def default_url() -> str:
    """The URL when the user names none: the variable OPTUNA_STORAGE, else a file in the working directory."""
    return os.environ.get("OPTUNA_STORAGE") or DEFAULT_URL


def file_url(path: Path) -> str:
    """The URL of a SQLite file, whatever letters are in its path."""
    return f"sqlite:///file:{quote(str(path.absolute()))}?uri=true"


def parse_address(text: str) -> Address:
    """Read a storage URL.

    Raises:
        UsageError: It is malformed, names a database that we do not support, or lacks its driver.
    """
    try:
        url = sa.make_url(text)
        backend, driver = url.get_backend_name(), url.drivername.partition("+")[2]
    except (sa.exc.ArgumentError, ValueError):
        # The text may hold a password anywhere, and so may SQLAlchemy's message: neither is repeated or
        # chained.
        raise _refusal(text, "expected a database URL, received one that cannot be read") from None
    if backend == "sqlite":
        return _sqlite_address(text, url, driver)
    if backend == "postgresql":
        return _postgresql_address(text, url, driver or "psycopg")
    raise _refusal(text, f"expected a SQLite or PostgreSQL URL, received one of {backend}")


def _sqlite_address(text: str, url: sa.URL, driver: str) -> Address:
    if driver not in ("", "pysqlite"):
        raise _refusal(text, f"expected the driver pysqlite, received {driver}")
    if url.host:
        remedy = f"Did you mean sqlite:///{url.host}?" if url.database is None else _EXAMPLES
        raise _refusal(text, "expected three slashes before the file, received two", remedy)
    unknown = sorted(set(url.query) - _SQLITE_OPTIONS)
    if unknown:
        expected = ", ".join(sorted(_SQLITE_OPTIONS))
        raise _refusal(text, f"expected no option but {expected}, received {', '.join(unknown)}")
    timeout = url.query.get("timeout", "0")
    if not (isinstance(timeout, str) and re.fullmatch(r"\d+(\.\d+)?", timeout)):
        raise _refusal(text, "expected timeout to be a number of seconds, received something else")
    name = url.database or ":memory:"
    is_uri = name.startswith("file:")
    plain = re.sub(r"^//(localhost)?(?=/)", "", unquote(name.removeprefix("file:"))) if is_uri else name
    if plain in ("", ":memory:") or url.query.get("mode") == "memory":
        remedy = f"A study in memory would be lost at the end; name a file, as in {DEFAULT_URL}."
        raise _refusal(text, "expected a file, received a database in memory", remedy)
    if "\0" in plain:
        raise _refusal(text.replace("\0", "\\0"), "expected the name of a file, received one with a zero byte")
    return Address(url, text, Path(plain).resolve())


def _postgresql_address(text: str, url: sa.URL, driver: str) -> Address:
    if text.count("@") > 1:
        # A password with a bare @ is cut in two by every parser, and its rest taken for the host: show
        # nothing.
        remedy = "Write @ in a user name or a password as %40, and / as %2F."
        raise _refusal(text, "expected at most one @, received several", remedy)
    if driver not in _POSTGRESQL_DRIVERS:
        raise _refusal(text, f"expected the driver {' or '.join(_POSTGRESQL_DRIVERS)}, received {driver}")
    if find_spec(driver) is None:
        remedy = f"Install the package {driver}, or write postgresql:// for psycopg."
        raise _refusal(text, f"expected a driver that is installed, received {driver}", remedy)
    # Whatever stands for a user, or among the options, may be a password in the wrong place.
    place = sa.URL.create(url.drivername, host=url.host, port=url.port, database=url.database)
    return Address(url, place.render_as_string(), None)


def shows_password(text: str) -> bool:
    """Whether a URL holds a password, which stands in the list of processes where it is given as an argument."""
    try:
        url = sa.make_url(text)
    except (sa.exc.ArgumentError, ValueError):
        return False
    return url.password is not None or any("password" in key for key in url.query)


def _refusal(text: str, message: str, remedy: str = _EXAMPLES) -> UsageError:
    scheme, separator, _ = text.partition("://")
    if separator and re.fullmatch(r"[\w+]+", scheme):
        return UsageError(Problem(f"storage {scheme}://...", message, remedy))
    if re.fullmatch(r"[\w./\\-]+\.(db|sqlite3?)", text):
        remedy = f"Did you mean sqlite:///{text}?"
    return UsageError(Problem("storage", message, remedy))
