"""The recipes for many machines, run as they stand there: only the other machines are this one."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import yaml
from distributed import Client
from distributed.security import Security

from tests.compose.conftest import end_group, free_port
from tests.readme.documents import commands_of, runs, shown

FEW = '["study.n_trials=3", "training.epochs=3", "training.engine=\\"fit\\"", "confirm.finalists=0"]'
CERTIFICATE = "openssl req -x509 -newkey rsa:3072 -nodes -days 3650 -subj /CN=regsearch -keyout dask.pem -out dask.pem"

# They do on this machine what their namesakes do on another: a folder each, a process of its own.
SSH = """#!/bin/sh
mkdir -p "$AWAY/$1" && cd "$AWAY/$1" && shift && exec sh -c "$*"
"""
SCP = """#!/bin/sh
mkdir -p "$AWAY/${2%:}" && cp "$1" "$AWAY/${2%:}/"
"""
SBATCH = """#!/bin/sh
script=$(cat "$1")
grep -q '^#SBATCH -t 01:00:00' "$1" || exit 2
(setsid sh -c "$script" > "$AWAY/job.out" 2>&1 & echo $! > "$AWAY/job.pid")
echo "Submitted batch job $(cat "$AWAY/job.pid")"
"""
SCANCEL = """#!/bin/sh
kill -- "-$1"
"""


@pytest.fixture
def machine(tmp_path):
    """A folder, and an environment in whose path the commands of other machines are found."""
    programs, away = tmp_path / "programs", tmp_path / "away"
    programs.mkdir()
    away.mkdir()
    for name, text in (("ssh", SSH), ("scp", SCP), ("sbatch", SBATCH), ("scancel", SCANCEL)):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DASK", "OPTUNA"))}
    path = os.pathsep.join([str(programs), str(Path(sys.executable).parent), kept["PATH"]])
    return tmp_path, {**kept, "PATH": path, "AWAY": str(away), "PYTHONWARNINGS": "ignore"}


def run_in(folder, environment, *command):
    """Run a program, and end all that it leaves."""
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    ) as process:  # fmt: skip
        try:
            return process.wait(240), process
        finally:
            for left in psutil.process_iter(["environ"]):
                if (left.info["environ"] or {}).get("AWAY") == environment["AWAY"]:
                    with contextlib.suppress(psutil.Error):
                        left.kill()


@runs(CERTIFICATE, "for host in node1 node2; do")
def test_workers_over_ssh_train(machine):
    folder, environment = machine
    text = shown(CERTIFICATE).text + shown("for host in node1 node2; do").text
    assert text.count("8786") == 3
    assert text.count("$(hostname)") == 1
    few = "--n-trials 3 --set training.epochs=3 --set 'training.engine=\"fit\"' --set confirm.finalists=0"
    text = (
        text.replace("8786", free_port()).replace("$(hostname)", "127.0.0.1").replace("--nworkers -1", "--nworkers 1")
    )
    text = text.replace("regsearch run moons", f"{sys.executable} -m search run moons {few}")
    (folder / "out.txt").touch()
    code, _ = run_in(folder, environment, "bash", "-euc", f"{{ {text} }} > out.txt 2>&1")
    said = (folder / "out.txt").read_text()
    assert code == 0, said
    assert "moons: 3 of 3 trials ended" in said
    assert {path.name for path in (folder / "away").iterdir()} == {"node1", "node2"}


@runs("from dask_jobqueue import SLURMCluster")
def test_jobs_of_slurm_train(machine):
    folder, environment = machine
    text = shown("from dask_jobqueue import SLURMCluster").text
    for old, new in (
        ('"moons", ', f'"moons", {FEW}, '),
        ("minimum_jobs=8, maximum_jobs=8", "minimum_jobs=1, maximum_jobs=1"),
    ):
        assert text.count(old) == 1
        text = text.replace(old, new)
    (folder / "farm.py").write_text(text + "    print(len(study.trials), 'trials')\n")
    # What a worker finds: a process of the job, with the job's own environment.
    code, _ = run_in(folder, environment, "bash", "-c", f"{sys.executable} farm.py > out.txt 2>&1")
    said = (folder / "out.txt").read_text()
    assert code == 0, said + (folder / "away" / "job.out").read_text()
    assert said.splitlines()[-1] == "3 trials"
    assert "Start worker at" in (folder / "away" / "job.out").read_text()


@runs("kubectl create secret generic regsearch --from-file=dask.pem --from-file=postgres_password", "# regsearch.yaml")
def test_cluster_of_kubernetes_comes_up_by_its_own_commands(machine):
    """Of its containers each is a process here; names of services become this machine, and mounts a folder."""
    folder, environment = machine
    subprocess.run(CERTIFICATE.split(), cwd=folder, check=True, capture_output=True)
    cluster, job = yaml.safe_load_all(shown("# regsearch.yaml").text)
    name, port = cluster["metadata"]["name"], free_port()
    (service,) = cluster["spec"]["scheduler"]["service"]["ports"]
    assert cluster["spec"]["scheduler"]["service"]["selector"]["dask.org/cluster-name"] == name
    asked = commands_of(
        shown("kubectl create secret generic regsearch --from-file=dask.pem --from-file=postgres_password")
    )
    assert asked[1] == "kubectl apply -f regsearch.yaml"
    secret, keys = asked[0].split()[4], [word.partition("=")[2] for word in asked[0].split()[5:]]

    def here(word):
        word = word.replace("/secrets/", f"{folder}/").replace("$(DASK_WORKER_NAME)", "one")
        return word.replace(f"{name}-scheduler:{service['port']}", f"127.0.0.1:{port}").replace("8786", port)

    def container(pod):
        (made,) = pod["containers"]
        (volume,) = pod["volumes"]
        assert volume["secret"]["secretName"] == secret
        assert {item["key"] for item in volume["secret"]["items"]} <= set(keys)
        assert [mount["name"] for mount in made["volumeMounts"]] == [volume["name"]]
        told = {each["name"]: here(each["value"]) for each in made["env"] if "value" in each}
        return made, {**environment, **told}

    with contextlib.ExitStack() as stack:
        for part in ("scheduler", "worker"):
            made, told = container(cluster["spec"][part]["spec"])
            log = stack.enter_context((folder / f"{part}.log").open("w"))
            words = [*map(here, made["command"]), "--dashboard-address", "127.0.0.1:0"]
            process = subprocess.Popen(words, cwd=folder, env=told, stdout=log, stderr=log, start_new_session=True)
            stack.callback(end_group, process)
        (port_of_container,) = cluster["spec"]["scheduler"]["spec"]["containers"][0]["ports"]
        assert port_of_container["name"] == service["targetPort"] == "tcp-comm"
        made, told = container(job["spec"]["template"]["spec"])
        reference = next(each["valueFrom"]["secretKeyRef"] for each in made["env"] if "valueFrom" in each)
        assert (reference["name"], reference["key"] in keys) == (secret, True)
        pem = told["DASK_DISTRIBUTED__COMM__TLS__CA_FILE"]
        security = Security(tls_ca_file=pem, tls_client_cert=told["DASK_DISTRIBUTED__COMM__TLS__CLIENT__CERT"])
        address = here(made["args"][made["args"].index("--scheduler") + 1])
        wait_until_it_listens(int(port))
        with Client(address, security=security, timeout=30) as client:
            client.wait_for_workers(1, timeout=60)
            assert next(iter(client.scheduler_info()["workers"].values()))["name"] == "one"
        words = [sys.executable, "-m", "search", "check", *made["args"][1:2]]
        assert made["args"][0] == "run"
        assert subprocess.run(words, cwd=folder, env=environment, capture_output=True, check=False).returncode == 0


def wait_until_it_listens(port):
    for _ in range(600):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        signal.sigtimedwait([], 0.1)
    raise AssertionError("expected the scheduler to listen")
