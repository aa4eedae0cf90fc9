"""`regsearch report`, on a confirmed study whatever trained it."""

import html
import json
import re
from dataclasses import replace
from statistics import fmean

import pytest

from search.records.wording import show_value
from search.reporting.report import gather_report, report_html
from search.storage import open_storage


@pytest.fixture(scope="module")
def report(confirmed):
    """What there is to tell of the study before anything was asked of its choice."""
    with open_storage(f"sqlite:///{confirmed / 'regsearch.db'}") as storage:
        return gather_report(storage, "quick")


@pytest.fixture(scope="module")
def page(report):
    return report_html(report)


def text_of(page):
    """What a page shows, without scripts and styles."""
    shown = re.sub(r"<(script|style)\b.*?</\1>", "", page, flags=re.DOTALL)
    return html.unescape(re.sub(r"<[^>]+>", "\n", shown))


def test_page_says_what_the_command_says(commands, report, page):
    told = json.loads(commands("best", "quick", "--format", "json").out)
    assert report.answer == told["verdict"]["answer"] == "helps"
    shown = text_of(page)
    assert "quick: helps" in shown
    said = commands("best", "quick").out
    assert report.sentences
    for sentence in report.sentences:
        assert sentence in shown
        assert sentence.split(":")[0] in said
    assert "Does regularization help on sklearn.make_moons, against no regularization at all?" in shown


def test_numbers_are_those_of_the_runs(report, confirmed):
    with open_storage(f"sqlite:///{confirmed / 'regsearch.db'}") as storage:
        study_id = storage.study("quick").study_id
        chosen = int(report.tables[0].rows[0][2])
        runs = storage.runs(study_id, chosen)
        curves = [storage.curve(study_id, chosen, run.fold, run.repeat) for run in runs]
        score = storage.trials(study_id)[chosen].score
    measures = {measure: values for measure, *values in report.tables[0].rows}
    assert measures["log_loss in the search"][1] == show_value(score)
    assert measures["loss of rows that train"][1] == show_value(fmean(float(c.train_loss[1]) for c in curves))
    gap = fmean(float(c.validation_loss[1]) for c in curves) - fmean(float(c.train_loss[1]) for c in curves)
    assert measures["gap of the two"][1] == show_value(gap)
    assert measures["norm of the weights of dense_1"][1] == show_value(fmean(r.weight_norms["dense_1"] for r in runs))
    assert "log_loss on sealed rows" not in measures


def test_finalists_are_those_of_the_verdict(commands, report):
    verdict = json.loads(commands("best", "quick", "--format", "json").out)["verdict"]
    table = next(table for table in report.tables if table.caption.startswith("Finalists"))
    assert [row[0] for row in table.rows] == [str(each["trial"]) for each in verdict["finalists"]]
    assert [row[3] for row in table.rows] == [show_value(each["score"]) for each in verdict["finalists"]]


def test_parts_and_path_are_told_once_they_were_found(commands, confirmed):
    assert commands("ablate", "quick", "--repeats", "2").code == 0
    assert commands("path", "quick", "--over", "l2", "--points", "3", "--repeats", "2").code == 0
    done = commands("report", "quick", "-o", "report.html")
    assert (done.code, done.out, done.err) == (0, "", "Wrote report.html\n")
    page = (confirmed / "report.html").read_text()
    assert "What each part of the choice is worth" in text_of(page)
    assert 'id="figure-path-l2"' in page
    assert len(page) < 5 * 2**20


def test_configuration_is_the_export(commands, report):
    assert report.configuration == commands("export", "quick", "--format", "toml").out


def test_every_figure_has_its_numbers_as_a_table(report, page):
    assert set(report.figures) == {"curves", "finalists"}
    assert page.count("<summary>Numbers:") == 2
    numbers = page.split("<summary>Numbers: Learning curves")[1].split("</table>")[0]
    last = report.figures["curves"].data[2]
    assert f"<td>{show_value(float(last.y[-1]))}</td>" in numbers


def test_page_is_drawn_by_a_browser_that_heeds_its_policy_without_a_network(page, browse, tmp_path):
    (tmp_path / "page.html").write_text(page)
    done = browse(tmp_path / "page.html")
    assert done.stdout.count('class="main-svg"') >= 4
    assert "CONSOLE" not in done.stderr
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page).group(1)
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe-inline" not in policy.split("script-src")[1]
    foreign = page.replace("</body>", "<script>document.body.id = 'foreign'</script></body>")
    (tmp_path / "page.html").write_text(foreign)
    done = browse(tmp_path / "page.html")
    assert 'id="foreign"' not in done.stdout
    assert "Content Security Policy" in done.stderr


def test_nothing_that_a_study_holds_becomes_markup(report):
    evil = "</script><script>alert(1)</script>"
    figure = report.figures["curves"]
    figure.data[0].name = evil
    told = replace(
        report, sentences=[evil], question=evil, notes=[evil], configuration=evil, facts={evil: evil},
        figures={"curves": figure},
    )  # fmt: skip
    page = report_html(told)
    assert page.count("<script") == 3
    assert page.count("</script>") == 3
    assert evil in text_of(page)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["quick", "-o", "report.pdf"], "expected a path that ends in .html, received report.pdf."),
        (["quick"], "Missing option '-o'"),
        (
            ["quack", "-o", "a.html"],
            "expected the name of a study, received 'quack'. Did you mean quick?",
        ),
        (["quick", "-o", "no/such/folder/a.html"], "--output: expected a path that can be written"),
    ],
)
def test_wrong_usage_is_told_and_writes_nothing(commands, confirmed, arguments, words):
    before = set(confirmed.iterdir())
    done = commands("report", *arguments)
    assert (done.code, done.out) == (2, "")
    assert words in done.err
    assert set(confirmed.iterdir()) == before
