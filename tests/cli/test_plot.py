"""`regsearch plot`, on a confirmed study whatever trained it."""

import json
import shutil
import subprocess

import pytest

from search.coordination import launching
from search.coordination.launching import Launch, run_study
from search.dispatch import open_workers
from search.preparation.files import prepare_study
from search.storage import open_storage
from tests.followup.fakes import STUDY, Fake


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder of a confirmed study."""
    folder = tmp_path_factory.mktemp("plots")
    (folder / "quick.toml").write_text(STUDY)
    with open_storage(f"sqlite:///{folder / 'regsearch.db'}", create=True) as storage:
        run_study(prepare_study(str(folder / "quick.toml")), storage, Launch(0), train=Fake())
    return folder


@pytest.fixture
def commands(folder, command, monkeypatch):
    monkeypatch.setattr(launching, "open_workers", lambda plan, **ignored: open_workers(plan, n_jobs=0, train=Fake()))
    return lambda *arguments: command.in_this_process(*arguments, cwd=folder)


def drawn(folder, name):
    return json.loads((folder / name).read_text())


def test_curves_are_of_the_baseline_and_the_choice(commands, folder):
    done = commands("plot", "quick", "-o", "curves.json")
    assert (done.code, done.out, done.err) == (0, "", "Wrote curves.json\n")
    chosen = json.loads(commands("best", "quick", "--format", "json").out)["chosen"]["trial"]
    titles = [each["text"] for each in drawn(folder, "curves.json")["layout"]["annotations"]]
    assert titles[:2] == ["trial 0, baseline", f"trial {chosen}, chosen"]


def test_finalists_have_the_numbers_of_the_verdict(commands, folder):
    assert commands("plot", "quick", "--kind", "finalists", "-o", "finalists.json").code == 0
    told = json.loads(commands("best", "quick", "--format", "json").out)["verdict"]
    searched, confirmed, *_ = drawn(folder, "finalists.json")["data"]
    baseline, *others = told["finalists"]
    assert confirmed["x"] == [each["difference"] for each in others]
    assert searched["x"] == pytest.approx([baseline["search_score"] - each["search_score"] for each in others])
    ends = [x + error for x, error in zip(confirmed["x"], confirmed["error_x"]["array"], strict=True)]
    assert ends == pytest.approx([each["interval"][1] for each in others])


def test_path_is_drawn_once_it_was_trained(commands, folder):
    missing = commands("plot", "quick", "--kind", "path", "--over", "l2", "-o", "path.json")
    assert missing.code == 2
    assert missing.err == (
        "quick: expected a path over l2, received a study without. `regsearch path quick --over l2` trains it.\n"
    )
    assert not (folder / "path.json").exists()
    assert commands("path", "quick", "--over", "l2", "--points", "3", "--repeats", "2").code == 0
    assert commands("plot", "quick", "--kind", "path", "--over", "l2", "-o", "path.json").code == 0
    assert drawn(folder, "path.json")["layout"]["xaxis"]["type"] == "log"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-o", "figure.png"], "expected a path that ends in .html or .json, received figure.png."),
        ([], "Missing option '-o'"),
        (["--over", "l2", "-o", "a.html"], "expected --over with --kind path alone, received --kind curves."),
        (["--kind", "path", "-o", "a.html"], "--over: expected the name of a path, received none. Give one"),
        (["--kind", "pie", "-o", "a.html"], "'pie' is not one of 'curves', 'finalists', 'path'"),
        (["-o", "no/such/folder/a.html"], "--output: expected a path that can be written"),
    ],
)
def test_wrong_usage_is_told_and_writes_nothing(commands, folder, arguments, words):
    before = set(folder.iterdir())
    done = commands("plot", "quick", *arguments)
    assert (done.code, done.out) == (2, "")
    assert words in done.err
    assert set(folder.iterdir()) == before


def test_page_is_drawn_by_a_browser_without_a_network(commands, folder, tmp_path):
    assert commands("plot", "quick", "--kind", "finalists", "-o", "page.html").code == 0
    chromium = shutil.which("chromium")
    assert chromium, "expected Chromium: apt-get install chromium, as .ci/run does"
    asked = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--enable-logging=stderr"]
    asked += ["--proxy-server=127.0.0.1:9", f"--user-data-dir={tmp_path}", "--virtual-time-budget=8000", "--dump-dom"]
    done = subprocess.run(
        [*asked, (folder / "page.html").as_uri()], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.count('class="main-svg"') >= 2
    assert "on fresh divisions, with 95% interval" in done.stdout
    assert "CONSOLE" not in done.stderr
