"""What holds for every file of the repository."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOP_LEVEL = {
    "CHANGELOG.md",
    "Dockerfile",
    "LICENSE",
    "README.md",
    "constraints.txt",
    "docker-compose.yml",
    "pyproject.toml",
    "search",
    "studies",
    "tests",
}
# Put together from pieces, so that this file does not hold what it looks for.
REGISTRY_HOSTS = (
    "pypi" + ".org",
    "files.python" + "hosted.org",
    "registry." + "npmjs.org",
    "deb." + "debian.org",
    "conda" + ".anaconda.org",
)
DEVELOPER_PATHS = re.compile(
    r"(?<![\w.$}~-])/(?:" + "root|home/(?!me/)[a-z]+|Users/[A-Za-z]+|work/(?:main|shared)" + r")/"
)


def tracked():
    """Files that git tracks, and those that it would."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [path for name in names.split("\0") if name and (path := ROOT / name).is_file()]


def texts():
    """Path from the root and contents of every tracked text file."""
    for path in tracked():
        try:
            yield path.relative_to(ROOT), path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


def test_no_file_names_a_package_registry():
    found = [(str(name), host) for name, text in texts() for host in REGISTRY_HOSTS if host in text]
    assert found == []


def test_no_file_holds_a_path_of_a_developers_machine():
    found = [(str(name), match[0]) for name, text in texts() if (match := DEVELOPER_PATHS.search(text))]
    assert found == []


def test_the_lock_file_is_not_tracked():
    assert ROOT / "uv.lock" not in tracked()


def test_top_level_holds_only_what_the_design_names():
    entries = {path.relative_to(ROOT).parts[0] for path in tracked()}
    assert {entry for entry in entries if not entry.startswith(".")} == TOP_LEVEL


def test_continuous_integration_is_executable():
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111 == 0o111


@pytest.mark.parametrize("path", sorted((ROOT / "search").rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_module_says_what_it_is(path):
    assert ast.get_docstring(ast.parse(path.read_text())), f"expected a docstring in {path.relative_to(ROOT)}"


@pytest.mark.parametrize("command", ["pip install uv && uv run regsearch run moons", "uv run pytest"])
def test_readme_holds_the_command(command):
    assert command in (ROOT / "README.md").read_text()


def test_continuous_integration_runs_the_readmes_test_command():
    assert re.search(r'^stage "tests" uv run pytest$', (ROOT / ".ci" / "run").read_text(), re.MULTILINE)
