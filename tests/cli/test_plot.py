"""`regsearch plot`, on a confirmed study whatever trained it."""

import json

import pytest


def drawn(folder, name):
    return json.loads((folder / name).read_text())


def test_curves_are_of_the_baseline_and_the_choice(commands, confirmed):
    done = commands("plot", "quick", "-o", "curves.json")
    assert (done.code, done.out, done.err) == (0, "", "Wrote curves.json\n")
    chosen = json.loads(commands("best", "quick", "--format", "json").out)["chosen"]["trial"]
    titles = [each["text"] for each in drawn(confirmed, "curves.json")["layout"]["annotations"]]
    assert titles[:2] == ["trial 0, baseline", f"trial {chosen}, chosen"]


def test_finalists_have_the_numbers_of_the_verdict(commands, confirmed):
    assert commands("plot", "quick", "--kind", "finalists", "-o", "finalists.json").code == 0
    told = json.loads(commands("best", "quick", "--format", "json").out)["verdict"]
    searched, confirmed, *_ = drawn(confirmed, "finalists.json")["data"]
    baseline, *others = told["finalists"]
    assert confirmed["x"] == [each["difference"] for each in others]
    assert searched["x"] == pytest.approx([baseline["search_score"] - each["search_score"] for each in others])
    ends = [x + error for x, error in zip(confirmed["x"], confirmed["error_x"]["array"], strict=True)]
    assert ends == pytest.approx([each["interval"][1] for each in others])


def test_gap_is_that_of_the_losses_in_the_report(commands, confirmed):
    assert commands("plot", "quick", "--kind", "gap", "-o", "gap.json").code == 0
    told = json.loads(commands("best", "quick", "--format", "json").out)
    traces = {trace["name"]: trace for trace in drawn(confirmed, "gap.json")["data"]}
    for name, role in (("baseline", "baseline"), ("chosen", "chosen")):
        trace = traces[f"{name}, trial {told[role]['trial']}"]
        assert trace["y"] == [told[role]["score"]]
        # What trains here has half the score as training loss, and the score and a half as validation loss.
        assert trace["x"] == pytest.approx([told[role]["score"] / 2 + 0.5], abs=1e-6)
    assert len(traces["trials"]["x"]) == 30 - 2 - copies(commands)


def copies(commands):
    """Trials that were not trained, as others are equal: they have no runs, and no losses."""
    rows = json.loads(commands("trials", "quick", "--format", "json").out)
    rows = rows["trials"] if isinstance(rows, dict) else rows
    settings = [json.dumps(row["configuration"]) for row in rows]
    return len(settings) - len(set(settings))


def test_norms_and_optimism_are_of_the_finalists(commands, confirmed):
    for kind in ("norms", "optimism"):
        assert commands("plot", "quick", "--kind", kind, "-o", f"{kind}.json").code == 0
    verdict = json.loads(commands("best", "quick", "--format", "json").out)["verdict"]
    norms = drawn(confirmed, "norms.json")["data"]
    assert len(norms) == len(verdict["finalists"])
    assert all(trace["x"] == ["dense_1", "output"] and trace["y"] == [3.0, 1.0] for trace in norms)
    line, *points = drawn(confirmed, "optimism.json")["data"]
    told = [(each["search_score"], each["score"]) for each in verdict["finalists"]]
    assert sorted((x, y) for trace in points for x, y in zip(trace["x"], trace["y"], strict=True)) == sorted(told)
    assert line["x"] == line["y"]


def test_path_is_drawn_once_it_was_trained(commands, confirmed):
    missing = commands("plot", "quick", "--kind", "path", "--over", "l2", "-o", "path.json")
    assert missing.code == 2
    assert missing.err == (
        "quick: expected a path over l2, received a study without. `regsearch path quick --over l2` trains it.\n"
    )
    assert not (confirmed / "path.json").exists()
    assert commands("path", "quick", "--over", "l2", "--points", "3", "--repeats", "2").code == 0
    assert commands("plot", "quick", "--kind", "path", "--over", "l2", "-o", "path.json").code == 0
    assert drawn(confirmed, "path.json")["layout"]["xaxis"]["type"] == "log"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-o", "figure.png"], "expected a path that ends in .html or .json, received figure.png."),
        ([], "Missing option '-o'"),
        (["--over", "l2", "-o", "a.html"], "expected --over with --kind path alone, received --kind curves."),
        (["--kind", "path", "-o", "a.html"], "--over: expected the name of a path, received none. Give one"),
        (["--kind", "pie", "-o", "a.html"], "'pie' is not one of 'curves', 'finalists', "),
        (
            ["--kind", "residuals", "-o", "a.html"],
            "expected a study that predicts numbers, received one that predicts classes. `--kind confusion` draws what",
        ),
        (["-o", "no/such/folder/a.html"], "--output: expected a path that can be written"),
    ],
)
def test_wrong_usage_is_told_and_writes_nothing(commands, confirmed, arguments, words):
    before = set(confirmed.iterdir())
    done = commands("plot", "quick", *arguments)
    assert (done.code, done.out) == (2, "")
    assert words in done.err
    assert set(confirmed.iterdir()) == before


def test_page_is_drawn_by_a_browser_without_a_network(commands, confirmed, browse):
    assert commands("plot", "quick", "--kind", "finalists", "-o", "page.html").code == 0
    done = browse(confirmed / "page.html")
    assert done.stdout.count('class="main-svg"') >= 2
    assert "on fresh divisions, with 95% interval" in done.stdout
    assert "CONSOLE" not in done.stderr
