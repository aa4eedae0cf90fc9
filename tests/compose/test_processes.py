"""The services' very commands, run as processes of this machine."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

STUDY = """
[study]
name = "tiny"
n_trials = 3
sampler = "random"
[data]
source = "sklearn.make_moons"
options = { n_samples = 60, noise = 0.2, random_state = 1 }
[model]
family = "mlp"
hidden = [4]
[training]
epochs = 2
engine = "fit"
[confirm]
finalists = 0
[space]
l2 = { low = 1e-6, high = 1e-1, log = true }
"""

COUNT_WORKERS = """
import os
from distributed import Client
with Client(os.environ["DASK_SCHEDULER_ADDRESS"], timeout="10s") as client:
    client.wait_for_workers(2, timeout=30)
    workers = client.scheduler_info(n_workers=-1)["workers"].values()
    print(sorted(worker["nthreads"] for worker in workers), client.submit(sum, [1, 2]).result(timeout=30))
"""


def run_python(code, environment):
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120)


def test_two_workers_join_and_work_for_who_has_the_certificate(stack):
    run = run_python(COUNT_WORKERS, stack.environment("search"))
    assert (run.returncode, run.stdout) == (0, "[1, 1] 3\n"), run.stderr


@pytest.mark.parametrize("scheme", ["tls", "tcp"])
def test_scheduler_refuses_who_has_no_certificate(stack, scheme):
    environment = {**os.environ, "DASK_SCHEDULER_ADDRESS": f"{scheme}://127.0.0.1:{stack.ports['8786']}"}
    run = run_python(COUNT_WORKERS, environment)
    assert run.returncode == 1
    assert "[1, 1]" not in run.stdout


def test_database_refuses_who_has_no_password_file(stack):
    environment = stack.environment("dashboard")
    del environment["PGPASSFILE"]
    check = "import search.storage as s; s.open_storage(s.default_url())"
    assert run_python(check, environment).returncode == 1
    assert run_python(check, stack.environment("dashboard")).returncode == 0


def test_no_secret_stands_in_a_command_or_an_environment(stack):
    for name in ("postgres_password", "dashboard_password"):
        password = (stack.secrets / name).read_text().strip()
        for service in ("tables", "scheduler", "worker", "dashboard", "search"):
            assert password not in " ".join(stack.command(service))
            assert password not in " ".join(stack.environment(service).values())


def test_study_runs_on_the_workers_and_shows_in_the_dashboard(stack):
    """What `docker compose run --rm search run tiny.toml` and `docker compose up dashboard` do."""
    (stack.folder / "tiny.toml").write_text(STUDY)
    run = stack.run("search", "run", "tiny.toml")
    assert run.returncode == 0, run.stderr
    best = stack.run("search", "best", "tiny", "--format", "json")
    assert json.loads(best.stdout)["n_trials"] == 3
    assert workers_that_trained(stack) <= workers_that_run(stack)
    stack.start("dashboard")
    stack.wait_healthy("dashboard")
    port = stack.ports["8080"]
    address = f"http://127.0.0.1:{port}/api/studies"
    password = (stack.secrets / "dashboard_password").read_text().strip()
    known = base64.b64encode(f"me:{password}".encode()).decode()
    with pytest.raises(HTTPError, match="401"):
        urlopen(address)
    with urlopen(Request(address, headers={"Authorization": f"Basic {known}"})) as answer:
        studies = json.load(answer)["study_summaries"]
    assert [study["study_name"] for study in studies] == ["tiny"]


def workers_that_trained(stack):
    """Process numbers that the storage has for the study's runs."""
    code = """
import search.storage as s
with s.open_storage(s.default_url()) as storage:
    print(*{run.worker.rpartition(":")[2] for run in storage.runs(storage.study("tiny").study_id)})
"""
    found = set(run_python(code, stack.environment("search")).stdout.split())
    assert found, "expected runs in the storage"
    return found


def workers_that_run(stack):
    """Process numbers of the workers of the scheduler."""
    code = """
import os
from distributed import Client
with Client(os.environ["DASK_SCHEDULER_ADDRESS"], timeout="10s") as client:
    print(*client.run(os.getpid).values())
"""
    return set(run_python(code, stack.environment("search")).stdout.split())
