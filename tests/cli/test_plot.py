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
