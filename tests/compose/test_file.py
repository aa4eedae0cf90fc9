"""What the Compose file promises, read from the file."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import dask
import pytest

from search.execution.local import start_local_cluster

ROOT = Path(__file__).parents[2]
LASTING = ("postgres", "scheduler", "worker", "dashboard")


def test_file_follows_the_compose_specification():
    """The specification's own JSON schema, as the package check-jsonschema ships it (Apache-2.0)."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    run = subprocess.run([*command, "docker-compose.yml"], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr


def test_only_the_dashboard_is_published_and_only_on_loopback(compose):
    published = {name: service["ports"] for name, service in compose["services"].items() if "ports" in service}
    assert published == {"dashboard": ["127.0.0.1:8080:8080"]}


def test_dashboard_asks_for_a_password(compose):
    command = compose["services"]["dashboard"]["command"]
    assert command[command.index("--password-file") + 1] == "/run/secrets/dashboard_password"
    assert "--writable" not in command


def test_every_network_but_the_dashboards_own_leads_nowhere(compose):
    assert [name for name, network in compose["networks"].items() if not network.get("internal")] == ["published"]
    members = {
        network: [name for name, service in compose["services"].items() if network in service["networks"]]
        for network in compose["networks"]
    }
    assert members == {
        "storage": ["postgres", "tables", "dashboard", "search"],
        "compute": ["scheduler", "worker", "search"],
        "published": ["dashboard"],
    }


@pytest.mark.parametrize("name", LASTING)
def test_every_lasting_service_has_a_health_check_and_comes_back(compose, name):
    service = compose["services"][name]
    assert service["healthcheck"]["test"][0] == "CMD"
    assert service["restart"] == "unless-stopped"


def test_workers_can_be_multiplied(compose):
    worker = compose["services"]["worker"]
    assert not {"container_name", "hostname", "ports"} & set(worker)


def test_workers_never_see_the_database(compose):
    worker = compose["services"]["worker"]
    assert worker["secrets"] == ["dask"]
    assert not {"OPTUNA_STORAGE", "PGPASSFILE"} & set(worker["environment"])


def test_own_containers_have_no_privileges(compose):
    for name in ("tables", "scheduler", "worker", "dashboard", "search"):
        service = compose["services"][name]
        assert service["user"] == "1000:1000"
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]


def test_secrets_come_from_files_and_stand_nowhere_else(compose, secrets):
    assert all(set(secret) == {"file"} for secret in compose["secrets"].values())
    for service in compose["services"].values():
        assert not {"POSTGRES_PASSWORD", "PGPASSWORD"} & set(service.get("environment", {}))
        assert set(service["secrets"]) <= set(compose["secrets"])
    for secret in compose["secrets"].values():
        made = secrets / Path(secret["file"]).name
        assert stat.S_IMODE(made.stat().st_mode) == 0o600
        assert made.read_text().strip()
    assert (secrets / ".gitignore").read_text() == "*\n"


def test_settings_of_the_image_are_those_that_a_local_cluster_has(image_environment):
    told = {name: value for name, value in image_environment.items() if name.startswith("DASK_")}
    settings = dask.config.collect_env(told)
    with start_local_cluster(0):
        for path in ("admin.tick.interval", "admin.tick.limit", "admin.system-monitor.interval",
                     "worker.profile.enabled", "worker.memory.monitor-interval"):  # fmt: skip
            assert dask.config.get(f"distributed.{path}", config=settings) == dask.config.get(f"distributed.{path}")
    assert len(told) == 5


def test_image_installs_the_pinned_versions_and_runs_as_nobody_in_particular():
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    assert any("--constraint /source/constraints.txt" in line for line in lines)
    assert lines.index("USER regsearch") < lines.index('ENTRYPOINT ["regsearch"]')
