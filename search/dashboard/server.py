"""Serving the dashboard: one process, one thread a request, until Ctrl-C or SIGTERM.

optuna-dashboard is called in this process and given a storage object. Its own command would take the
storage's address as an argument, where every user of the machine can read the password.
"""

from __future__ import annotations

import errno
import gc
import ipaddress
import logging
import os
import signal
import socket
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from socketserver import TCPServer, ThreadingMixIn
from types import FrameType
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from search.dashboard.guard import HOSTS_VARIABLE, Guard
from search.dashboard.passwords import PASSWORD_VARIABLE, Doorkeeper, PasswordHash
from search.dashboard.read_only import ReadOnlyPages
from search.dashboard.sharing import TooBusyError
from search.dashboard.source import Source
from search.dashboard.studies import StudyPages
from search.errors import Problem, RegsearchError, UsageError
from search.storage import open_storage
from search.storage.address import parse_address
from search.storage.sealed_files import existing_file_uri

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

    from optuna.storages import RDBStorage

_logger = logging.getLogger(__name__)


def serve_dashboard(
    url: str,
    host: str,
    port: int,
    writable: bool,
    on_ready: Callable[[str], None],
    *,
    password: PasswordHash | None = None,
    names: Sequence[str] = (),
) -> None:
    """Serve optuna-dashboard on a storage until Ctrl-C (KeyboardInterrupt) or SIGTERM (SystemExit(143)).

    Args:
        url: The storage's address, as `search.storage.open_storage` takes it. It must exist.
        host: Address or name to listen on: `127.0.0.1` for this machine only, `0.0.0.0` for every network.
        port: Port to listen on; 0 takes a free one.
        writable: Whether studies may be changed and deleted from the browser. If not, requests that change
            something are refused, and the database connections are read-only besides.
        on_ready: Called once, when requests are accepted, with the text to show: the address to open and,
            when other machines can reach it, a warning.
        password: What every request must bring; None lets in whoever reaches the address, this machine's own alone.
        names: Further names, `name` or `name:port`, under which browsers reach it, as through a proxy.

    Raises:
        UsageError: The host or port cannot be listened on, or other machines could reach it without a password.
        StorageError: The storage is missing or cannot be read.
    """
    open_storage(url, create=False).close()
    address = _resolve(host)
    if password is None and not _is_loopback(address.host):
        raise UsageError(_ask_for_a_password(host))
    with (
        _bind_server(host, address, port) as server,
        _connect(url, writable) as storage,
        _end_on_sigterm(),
        _collecting_rarely(),
    ):
        port = server.server_port
        app, forget = _create_app(storage)
        with closing(Source(url, forget)) as source:
            pages = StudyPages(app if writable else ReadOnlyPages(app), source)
            door = None if password is None else Doorkeeper(password)
            server.set_app(Guard(pages, _name_hosts(host, port, names), writable, door))
            on_ready(_describe(host, port, writable, is_local=_is_loopback(address.host), asks=door is not None))
            threading.Thread(target=_prepare, args=[pages], daemon=True).start()
            server.serve_forever()


def _prepare(pages: StudyPages) -> None:
    """Make the first page that may be asked for, while its reader is still on the way."""
    from search.figures import warm_up

    with suppress(RegsearchError, TooBusyError):  # whoever asks is told
        pages.prepare()
    warm_up()  # where there was no study to draw


@contextmanager
def _collecting_rarely() -> Iterator[None]:
    """Python's collector of cycles looks through all that is there each time that some objects were made: a third of
    the time that it takes to read thousands of trials, which are no cycles.
    """
    before = gc.get_threshold()
    gc.set_threshold(100_000, 50, 1_000)
    try:
        yield
    finally:
        gc.set_threshold(*before)


@contextmanager
def _connect(url: str, writable: bool) -> Iterator[RDBStorage]:
    """Optuna's view of the storage at `url`, which is known to exist; its connections are closed at the end."""
    from optuna.storages import RDBStorage

    address = parse_address(url)
    options: dict[str, Any] = {} if address.path else {"pool_pre_ping": True}
    if address.path:
        options["connect_args"] = {"factory": _Connection if writable else _ReadOnlyConnection}
    elif not writable:
        options["execution_options"] = {"postgresql_readonly": True}
    storage = RDBStorage(
        address.optuna_url,
        engine_kwargs=options,
        skip_compatibility_check=True,  # the dashboard's own page says what to do about an old schema
        skip_table_creation=True,
    )
    try:
        yield storage
    finally:
        storage.remove_session()
        storage.engine.dispose()


def _create_app(storage: RDBStorage) -> tuple[WSGIApplication, Callable[[], None]]:
    """optuna-dashboard's application, and what makes it forget a database that another one has replaced."""
    import optuna_dashboard

    app: Any = optuna_dashboard.wsgi(storage)
    # It logs the traceback of what fails; its answer says that something did, and `search.dashboard.studies` why.
    logging.getLogger("optuna_dashboard._bottle_util").addFilter(_without_traceback)

    def forget() -> None:
        storage.remove_session()
        storage.engine.dispose()
        app._inmemory_cache.clear()

    return app, forget


def _without_traceback(record: logging.LogRecord) -> bool:
    record.msg, record.args = record.getMessage().partition("\n")[0], ()
    record.exc_info = None
    return True


class _Connection(sqlite3.Connection):
    """A connection to a file that is there: none is made where it is missing."""

    def __init__(self, database: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(existing_file_uri(Path(database)), *args, **{**kwargs, "uri": True})


class _ReadOnlyConnection(_Connection):
    """A connection that refuses every write, whatever reaches it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.execute("PRAGMA query_only = ON")


class _Server(ThreadingMixIn, WSGIServer):
    """One thread a request; requests that are still being answered do not hold up the end."""

    daemon_threads = True

    def server_bind(self) -> None:
        # HTTPServer's own asks the name service for this machine's full name, which can take many seconds.
        TCPServer.server_bind(self)
        host, port, *_ = self.server_address
        self.server_name, self.server_port = str(host), int(port)
        self.setup_environ()


class _Handler(WSGIRequestHandler):
    timeout = 60  # seconds without a byte from the client, so that a silent one does not keep its thread

    def log_message(self, format: str, *args: Any) -> None:
        _logger.debug(format, *args)


@dataclass(frozen=True)
class _Address:
    """What a host's name stands for.

    Args:
        family: Of the socket.
        host: In numbers.
    """

    family: int
    host: str


def _resolve(host: str) -> _Address:
    try:
        family, *_, address = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError) as error:
        raise UsageError(
            Problem("--host", f"expected an address or name of this machine, received {host!r}")
        ) from error
    return _Address(family, str(address[0]))


def _ask_for_a_password(host: str) -> Problem:
    """Why other machines may not reach the dashboard yet."""
    return Problem(
        "--host",
        f"expected a password where other machines can reach the dashboard, received {host!r} without one",
        f"Give --password-file FILE or ${PASSWORD_VARIABLE}, or listen on 127.0.0.1.",
    )


def _bind_server(host: str, address: _Address, port: int) -> _Server:
    """A server that listens on the address, with no application yet."""
    server_type = type("_Server", (_Server,), {"address_family": address.family})
    try:
        server: _Server = server_type((address.host, port), _Handler)
    except (OSError, OverflowError) as error:
        raise UsageError(_explain_bind_error(error, host, port)) from error
    return server


def _explain_bind_error(error: Exception, host: str, port: int) -> Problem:
    """Why the address cannot be listened on, in the user's words."""
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.EADDRINUSE:
        return Problem(
            "--port",
            f"expected a free port, received {port}, which is in use on {host}",
            "Choose another one.",
        )
    if number == errno.EACCES:
        return Problem("--port", f"expected a port that this user may open, received {port}", "Choose one above 1023.")
    if number == errno.EADDRNOTAVAIL:
        return Problem("--host", f"expected an address of this machine, received {host!r}")
    return Problem("--port", f"expected a port from 0 to 65535, received {port}")


@contextmanager
def _end_on_sigterm() -> Iterator[None]:
    """SIGTERM ends the block with SystemExit(143), unless the caller has a handler of its own.

    Without a handler the signal would be ignored in a container, where this process is number 1.
    """

    def end(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    is_main_thread = threading.current_thread() is threading.main_thread()
    if not is_main_thread or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _name_hosts(host: str, port: int, names: Sequence[str] = ()) -> frozenset[str]:
    """The Host headers to answer to: the bound name, this machine's own, those given and those of the environment."""
    own = {f"{name}:{port}" for name in (_bracket(host), "localhost", "127.0.0.1", "[::1]")}
    others = os.environ.get(HOSTS_VARIABLE, "").split(",")
    return frozenset(name.strip().lower() for name in (*own, *names, *others) if name.strip())


def _bracket(host: str) -> str:
    """The host as it stands in an address: IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host


def _describe(host: str, port: int, writable: bool, *, is_local: bool, asks: bool) -> str:
    """What to tell the user once the dashboard answers."""
    shown = "localhost" if host in ("0.0.0.0", "::") else _bracket(host)
    mode = "studies can be changed and deleted" if writable else "read-only"
    told = f"{mode}; it asks for the password, with any user name" if asks else mode
    text = f"Dashboard at http://{shown}:{port}/ ({told}). Ctrl-C ends it."
    if is_local:
        return text
    return (
        f"{text}\nWarning: it listens on {host} and speaks HTTP: whoever listens on the way reads the password. Names "
        f"other than localhost are answered when --host-name or {HOSTS_VARIABLE} lists them."
    )


def _is_loopback(address: str) -> bool:
    """Whether only this machine can reach an address in numbers."""
    return ipaddress.ip_address(address).is_loopback
