"""One list of exact versions: in constraints.txt for pip, in pyproject.toml for uv."""

from __future__ import annotations

import tomllib
from itertools import chain
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LINES = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
LEFT_OUT = {"torch"}


def direct_requirements():
    """Every requirement that pyproject.toml names itself."""
    project = PROJECT["project"]
    lists = [*project["optional-dependencies"].values(), *PROJECT["dependency-groups"].values()]
    return [Requirement(text) for text in chain(project["dependencies"], *lists)]


def test_pins_of_pip_and_of_uv_are_the_same():
    assert PROJECT["tool"]["uv"]["constraint-dependencies"] == LINES


def test_every_line_is_one_exact_version_without_an_address():
    for line in LINES:
        requirement = Requirement(line)
        assert [specifier.operator for specifier in requirement.specifier] == ["=="]
        assert not requirement.url
        assert not requirement.extras


def test_lines_are_sorted():
    assert sorted(LINES) == LINES


def test_every_direct_requirement_is_pinned_within_its_bounds():
    pins = {}
    for line in LINES:
        pin = Requirement(line)
        pins.setdefault(canonicalize_name(pin.name), []).append(next(iter(pin.specifier)).version)
    for requirement in direct_requirements():
        name = canonicalize_name(requirement.name)
        if name in LEFT_OUT:
            assert name not in pins
            continue
        assert name in pins, f"expected {name} in constraints.txt"
        for version in pins[name]:
            assert requirement.specifier.contains(version), f"{name}: {version} is outside {requirement}"
