"""`regsearch report`, on a confirmed study whatever trained it."""

import html
import json
import re
from dataclasses import replace
from statistics import fmean
from unittest import mock

import pytest

from search.records.wording import show_value
from search.reporting.report import gather_comparison, gather_report, report_html
from search.reporting.summaries import compare_studies, summarize_best
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
    exported = commands("export", "quick", "--format", "toml").out
    assert exported.startswith(report.configuration)
    assert exported.removeprefix(report.configuration).startswith("[result]")


def test_every_figure_has_its_numbers_as_a_table(report, page):
    assert {"curves", "finalists", "importance", "confusion"} <= set(report.figures)
    assert page.count("<summary>Numbers:") == len(report.figures)
    numbers = page.split("<summary>Numbers: Learning curves")[1].split("</table>")[0]
    last = report.figures["curves"].data[2]
    assert f"<td>{show_value(float(last.y[-1]))}</td>" in numbers


def test_page_is_drawn_by_a_browser_that_heeds_its_policy_without_a_network(page, browse, tmp_path):
    (tmp_path / "page.html").write_text(page)
    done = browse(tmp_path / "page.html")
    assert done.stdout.count('class="main-svg"') >= 2 * done.stdout.count('class="figure js-plotly-plot"') > 0
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


def test_small_page_has_the_same_figures_without_any_script(report):
    page = report_html(report, plots="svg")
    assert len(page) < 300_000
    assert "<script" not in page
    assert "script-src 'none'" in html.unescape(page)
    assert page.count("<svg ") == 2 * len(report.figures)  # one for wide screens, one for narrow ones
    assert page.count("<summary>Numbers:") == len(report.figures)


def test_page_with_plotly_takes_less_than_five_megabytes(page):
    assert len(page) < 5_000_000


def test_several_studies_are_compared_and_each_is_told_of(confirmed, commands, report, tmp_path):
    with open_storage(f"sqlite:///{confirmed / 'regsearch.db'}") as storage:
        comparison = gather_comparison(storage, ["quick", "quick"])
    verdict = json.loads(commands("best", "quick", "--format", "json").out)["verdict"]
    row = dict(zip(comparison.table.headers, comparison.table.rows[0], strict=True))
    assert (row["study"], row["verdict"]) == ("quick", "helps")
    assert row["gain of the candidate"] == show_value(verdict["difference"])
    assert comparison.warnings == []
    (figure,) = comparison.figures.values()
    (points,) = figure.data
    assert list(points.x) == [verdict["difference"]] * 2
    ends = [verdict["difference"] + more for more in points.error_x.array]
    assert ends == pytest.approx([verdict["interval"][1]] * 2)
    page = report_html(report, report, comparison=comparison, plots="svg")
    assert [anchor for anchor in re.findall(r'id="([^"]+)"', page) if page.count(f'id="{anchor}"') > 1] == []
    assert text_of(page).count("quick: helps") == 4  # of each a link, and a heading
    assert "2 studies compared" in text_of(page)


def test_studies_of_other_data_have_a_figure_each_and_a_warning(confirmed, report):
    with open_storage(f"sqlite:///{confirmed / 'regsearch.db'}") as storage:
        (found,) = compare_studies(storage, ["quick"])
    other = replace(found, study=replace(found.study, name="other", data_sha256="1"))
    with mock.patch("search.reporting.report.comparing.compare_studies", return_value=[found, other]):
        comparison = gather_comparison(None, ["quick", "other"])
    assert comparison.warnings == ["The studies have different data: their scores say nothing about each other."]
    assert [list(figure.data[0].x) for figure in comparison.figures.values()] == [
        [found.choice.verdict.difference.mean]
    ] * 2
    page = text_of(report_html(report, report, comparison=comparison, plots="svg"))
    assert "Gains in log_loss on sklearn.make_moons (SHA-256 1)" in page
    assert (
        "Studies with another metric or other data have a figure of their own: their gains cannot be compared." in page
    )


def test_baseline_that_is_the_choice_has_one_column(confirmed):
    with open_storage(f"sqlite:///{confirmed / 'regsearch.db'}") as storage:
        found = summarize_best(storage, "quick")
        choice = found.choice
        kept = replace(choice, confirmed=choice.baseline, verdict=replace(choice.verdict, answer="no gain", chosen=0))
        with mock.patch("search.reporting.report.gathering.summarize_best", return_value=replace(found, choice=kept)):
            first, *_ = gather_report(storage, "quick").tables
    assert (first.caption, first.headers) == ("The choice", ["", "baseline and choice"])
    assert {len(row) for row in first.rows} == {2}
    scores = {row[0]: row[1] for row in first.rows}
    assert scores["log_loss expected, which decides"] == show_value(choice.verdict.finalist(0).expected)


def test_expected_scores_stand_beside_the_difference_that_decides(report, commands):
    told = json.loads(commands("best", "quick", "--format", "json").out)
    by_trial = {each["trial"]: each["expected"] for each in told["verdict"]["finalists"]}
    row = next(row for row in report.tables[0].rows if row[0] == "log_loss expected, which decides")
    assert row[1:] == [show_value(by_trial[told[role]["trial"]]) for role in ("baseline", "chosen")]
    finalists = next(table for table in report.tables if table.caption.startswith("Finalists"))
    place = finalists.headers.index("expected")
    assert [row[place] for row in finalists.rows] == [show_value(score) for score in by_trial.values()]
    assert finalists.words[0] == (
        f"The choice, trial {told['chosen']['trial']}, is the finalist with the best confirmed score."
    )


def test_one_name_twice_is_one_study(commands, confirmed):
    assert commands("report", "quick", "quick", "--plots", "svg", "-o", "once.html").code == 0
    assert "studies compared" not in (confirmed / "once.html").read_text()


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
