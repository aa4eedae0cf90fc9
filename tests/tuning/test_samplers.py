"""Samplers whose package is missing say so; those that are there propose within the space."""

import importlib.util

import pytest

from search.errors import UsageError
from search.tuning.samplers import check_installed, trial_seed


@pytest.mark.parametrize(("sampler", "package"), [("gp", "torch"), ("cmaes", "cmaes")])
def test_missing_package_is_named_with_its_remedy(sampler, package, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError) as caught:
        check_installed(sampler, "s.toml:5 [study.sampler]")
    assert str(caught.value) == (
        f's.toml:5 [study.sampler]: expected the package {package} for the sampler "{sampler}", received an '
        f'installation without it. Install it with `pip install "regsearch[{sampler}]"`, or choose sampler = "tpe".'
    )


def test_samplers_without_extra_packages_need_none(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    for sampler in ("tpe", "random", "grid", "qmc"):
        check_installed(sampler, "s.toml")


def test_trial_seeds_differ():
    seeds = {trial_seed(study, number) for study in range(5) for number in range(200)}
    assert len(seeds) == 1000
