"""The benchmarks still run, and their table says what was measured."""

import json
import math
import os

import pytest

from search.records import EngineChoice
from tests.benchmarks import jobs
from tests.benchmarks.comparison import Line, side_by_side, wall_seconds
from tests.benchmarks.run import ROWS, measure, parse_rows
from tests.benchmarks.table import describe, to_markdown, write_results

LINE = Line("run", "4,000 epochs", "fit", "s a run", (0.1, 0.2, 0.1), (100.0, 180.0, 110.0), 1000, "60 counted")


@pytest.mark.parametrize("name", ROWS)
def test_row_measures_every_peer(name, monkeypatch):
    monkeypatch.setattr(jobs, "choose_engine", lambda job, engines: EngineChoice("graph"))  # none is compiled
    lines, _ = measure(name, "TINY")
    assert lines
    assert {line.row for line in lines} == {name}
    assert all(math.isfinite(cost) and cost > 0 for line in lines for cost in (*line.ours, *line.theirs))


def test_ratio_is_the_median_over_rounds():
    assert LINE.ratios == pytest.approx((1000, 900, 1100))
    assert LINE.ratio == pytest.approx(1000)


def test_peers_alternate_and_the_first_round_is_left_out():
    calls = []

    def peer(name):
        return lambda: calls.append(name) or len(calls)

    costs = side_by_side({"ours": peer("ours"), "theirs": peer("theirs")}, rounds=2)
    assert calls == ["ours", "theirs"] * 3
    assert costs == {"ours": (3, 5), "theirs": (4, 6)}


def test_counted_part_is_scaled_to_the_whole(monkeypatch):
    clock = iter([10.0, 12.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(clock))
    assert wall_seconds(lambda: None, parts=4000 / 60)() == pytest.approx(2 * 4000 / 60)


def test_page_shows_medians_spread_goal_and_limit():
    page = to_markdown({"run": describe([LINE], "the hash")})
    line = "| run | 4,000 epochs | fit | 0.1 s a run | 110 s a run | 1,000 (900 ... 1,100) | 1,000, met | 60 counted |"
    assert line in page.splitlines()
    assert "- **run**: the hash" in page.splitlines()
    assert f", {len(os.sched_getaffinity(0))} cores; python " in page


def test_rows_that_were_not_measured_stay(tmp_path):
    write_results({"run": describe([LINE], "")}, tmp_path)
    write_results({"scale": describe([LINE], "")}, tmp_path)
    assert list(json.loads((tmp_path / "results.json").read_text())) == ["run", "scale"]
    assert (tmp_path / "RESULTS.md").read_text().count("1,000 (900 ... 1,100)") == 2


def test_unknown_row_is_refused():
    with pytest.raises(Exception, match=r"^expected some of start, .*, machines, received speed$"):
        parse_rows("run,speed")
