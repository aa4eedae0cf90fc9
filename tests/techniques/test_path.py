"""The stages of a path."""

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.techniques import TECHNIQUES, StagesTechnique, path_stages, staging_techniques


def test_coefficients_rise_tenfold_until_they_are_at_their_own():
    assert path_stages({"l2": 1e-3, "path": 1e-6}) == [{"l2": 1e-6}, {"l2": 1e-5}, {"l2": 1e-4}, {"l2": 1e-3}]


def test_last_stage_is_the_configuration_itself_whatever_the_rounding():
    assert path_stages({"l2": 0.03, "path": 0.001}) == [{"l2": 0.001}, {"l2": 0.01}, {"l2": 0.03}]


def test_each_penalty_stops_at_its_own_coefficient_and_the_rest_stays():
    configuration = {"dense_1.l2": 1e-2, "bias_l1": 1e-3, "dropout": 0.5, "model.hidden": (5,), "path": 1e-4}
    rest = {"dropout": 0.5, "model.hidden": (5,)}
    assert path_stages(configuration) == [
        {"dense_1.l2": 1e-4, "bias_l1": 1e-4, **rest},
        {"dense_1.l2": 1e-3, "bias_l1": 1e-3, **rest},
        {"dense_1.l2": 1e-2, "bias_l1": 1e-3, **rest},
    ]


@pytest.mark.parametrize("configuration", [{}, {"l2": 0.1}, {"dropout": 0.5}])
def test_without_a_path_the_configuration_is_the_only_stage(configuration):
    assert path_stages(configuration) == [configuration]


def test_path_that_starts_at_the_coefficient_has_one_stage():
    assert path_stages({"l2": 1e-3, "path": 1e-3}) == [{"l2": 1e-3}]
    assert path_stages({"l2": 1e-3, "path": 1e-1}) == [{"l2": 1e-3}]


def test_stages_of_a_grid_along_a_path_are_those_of_its_longest():
    longest = path_stages({"l2": 1e-1, "path": 1e-6})
    for power in range(1, 7):
        shorter = path_stages({"l2": float(f"1e-{power}"), "path": 1e-6})
        assert shorter == longest[: 7 - power]


@given(
    st.dictionaries(st.sampled_from(["l1", "l2", "dense_1.l2", "orthogonal"]), st.floats(1e-9, 1e3)), st.floats(1e-9, 1)
)
def test_no_coefficient_ever_falls_or_exceeds_its_own(own, start):
    stages = path_stages({**own, "path": start})
    assert stages[-1] == own
    for earlier, later in itertools.pairwise(stages):
        assert all(earlier[name] <= later[name] <= own[name] for name in own)
        assert earlier != later


class Thawed(StagesTechnique):
    """Trains without penalties first."""

    name = "thawed"
    off = 0.0
    domain = replace(TECHNIQUES["path"].domain, low=1.0, high=2.0)

    def stages(self, configuration, value, penalties):
        return [{name: own for name, own in configuration.items() if name not in penalties}, dict(configuration)]


def test_several_techniques_of_stages_divide_each_other_in_the_order_of_the_map(monkeypatch):
    monkeypatch.setitem(TECHNIQUES, "thawed", Thawed())
    configuration = {"thawed": 1.0, "l2": 1e-2, "dropout": 0.5, "path": 1e-3}
    assert [known.name for known in staging_techniques(configuration)] == ["path", "thawed"]
    rest = {"dropout": 0.5}
    assert path_stages(configuration) == [rest, {"l2": 1e-3, **rest}, rest, {"l2": 1e-2, **rest}]


def test_staging_techniques_are_those_of_the_names_alone():
    assert staging_techniques(["l2", "dense_1.dropout", "model.hidden", "patience"]) == []
    assert staging_techniques(iter(["l2", "path"])) == [TECHNIQUES["path"]]
