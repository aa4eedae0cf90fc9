"""Python and packages, as their metadata tell them: nothing is imported."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, metadata, requires, version

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from search.reporting.health._base import Finding

_PROGRAM = "regsearch"
_SHOWN = (
    *("tensorflow", "keras", "optuna", "numpy", "sqlalchemy", "scikit-learn", "distributed"),
    *("optuna-dashboard", "pandas", "scipy"),
)
"""Packages that are told of in any case; of the others only those that are not as they should be."""


def check_versions() -> Iterator[Finding]:
    """Python, regsearch, and what it requires, against the bounds that it declares."""
    try:
        own, required, python = version(_PROGRAM), requires(_PROGRAM) or [], metadata(_PROGRAM)["Requires-Python"]
    except PackageNotFoundError:
        remedy = "Install it, `pip install .` in the checkout: then the packages' versions can be checked."
        yield Finding("versions", "Python", platform.python_version())
        yield Finding("versions", _PROGRAM, "a checkout that is not installed", "warning", remedy)
        yield from (_finding(name, SpecifierSet()) for name in _SHOWN)
        return
    yield _judged("Python", platform.python_version(), SpecifierSet(python or ""), "Install one of these versions.")
    yield Finding("versions", _PROGRAM, own)
    bounds = {each.name.lower(): each.specifier for each in map(Requirement, required) if _applies(each)}
    for name in dict.fromkeys((*_SHOWN, *bounds)):
        finding = _finding(name, bounds.get(name, SpecifierSet()))
        if name in _SHOWN or finding.mark != "ok":
            yield finding


def _applies(requirement: Requirement) -> bool:
    """Whether it is required here, and not by an extra."""
    return requirement.marker is None or requirement.marker.evaluate({"extra": ""})


def _finding(name: str, bounds: SpecifierSet) -> Finding:
    remedy = f"Install it: pip install '{name}{bounds}'."
    try:
        return _judged(name, version(name), bounds, remedy)
    except PackageNotFoundError:
        return Finding("versions", name, "not installed", "problem", remedy)


def _judged(name: str, found: str, bounds: SpecifierSet, remedy: str) -> Finding:
    if bounds.contains(found, prereleases=True):
        return Finding("versions", name, found)
    return Finding("versions", name, f"{found}, expected {bounds}", "problem", remedy)
