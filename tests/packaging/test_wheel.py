"""The wheel: what it holds, and that it works where there is no checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run_uv(*arguments):
    """uv, from its cache alone; from the package registry where the cache does not suffice."""
    uv = os.environ.get("UV") or shutil.which("uv")
    assert uv, "expected uv, which the README installs"
    environment = {k: v for k, v in os.environ.items() if k not in ("UV_COMPILE_BYTECODE", "VIRTUAL_ENV")}
    for offline in (["--offline"], []):
        run = subprocess.run([uv, *arguments, *offline], env=environment, capture_output=True, text=True)
        if run.returncode == 0:
            return
    pytest.fail(f"uv {' '.join(arguments)}: {run.stderr}")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    run_uv("build", "--wheel", "--out-dir", str(folder), str(ROOT))
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def programs(wheel, tmp_path_factory):
    """The folder of programs of an environment that holds the wheel and what it asks for, and nothing else.

    uv links the installed files from its cache: what would be gigabytes takes seconds and no space.
    """
    environment = tmp_path_factory.mktemp("environment") / "venv"
    run_uv("venv", str(environment))
    constraints = ROOT / "constraints.txt"
    run_uv("pip", "install", "--python", str(environment), "--constraint", str(constraints), str(wheel))
    yield environment / "bin"
    shutil.rmtree(environment)


def test_wheel_holds_the_package_and_the_studies_and_no_tests(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    sources = {str(path.relative_to(ROOT)) for path in (ROOT / "search").rglob("*.py")}
    studies = {f"search/_studies/{path.name}" for path in (ROOT / "studies").glob("*.*")}
    assert studies
    assert any(name.startswith("search/storage/migrations/versions/") for name in sources)
    assert names >= sources | studies | {"search/py.typed"}
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"search"}
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


@pytest.mark.parametrize(
    "command",
    [
        ["regsearch", "check", "moons"],
        ["regsearch", "check", "random_labels"],
        ["python", "-m", "search", "--help"],
        ["regsearch", "--help"],
    ],
)
def test_installed_wheel_works_in_an_empty_folder(programs, tmp_path, command):
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV"))}
    program = [str(programs / command[0]), *command[1:]]
    run = subprocess.run(program, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    assert run.stdout
    assert list(tmp_path.iterdir()) == []
