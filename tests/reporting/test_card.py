"""The model card: what it tells, and that names of users are text in it."""

import datetime as dt

import pytest

from search.records import Configuration, RowCounts, SelectionEstimate, StudyFacts, StudyRecord, Trial, TrialState
from search.reporting.exports.card import CardFacts, card_path, model_card, write_card
from search.reporting.exports.chosen import Chosen, gather_chosen
from search.reporting.sentences import sentences_on
from search.reporting.summaries import Best, summarize_best
from search.selection import Choice, Ensemble
from search.spec import spec_from_json

HEADINGS = [
    "# Model card: quick",
    "## Model details",
    "## Intended use",
    "## Data",
    "## Training",
    "## Evaluation",
    "## Limitations",
    "## How to use it",
    "## Versions",
]


@pytest.fixture
def card(storage, tmp_path):
    """The card of the choice of `quick`, as lines."""
    path = write_card(storage, "quick", tmp_path / "best.keras")
    assert path == tmp_path / "best.card.md"
    return path.read_text().splitlines()


def test_card_has_the_headings_of_a_model_card(card):
    assert [line for line in card if line.startswith("#")] == HEADINGS


def test_card_tells_choice_baseline_and_every_sentence_of_the_study(card, storage):
    chosen, found = gather_chosen(storage, "quick"), summarize_best(storage, "quick")
    finalist = chosen.verdict.finalist(chosen.best.number)
    row = next(line for line in card if line.startswith(f"| trial {chosen.best.number} |"))
    assert row.split(" | ")[1:5] == [
        f"{chosen.best.score:.4g}",
        f"{finalist.score:.4g}",
        f"{finalist.expected:.4g}",
        f"{finalist.difference.mean:.4g}",
    ]
    told = "\n".join(card).replace("\\", "")
    for sentence in sentences_on(found):
        for line in sentence.splitlines():
            assert line.strip() in told
    assert f"| SHA-256 of all rows | {chosen.study.data_sha256} |" in card
    assert "regsearch predict best.keras rows.csv -o predicted.csv" in card
    assert "- No rows were sealed: all scores are of rows that took part in the search." in card
    assert any(line.startswith("- l2: ") and "Krogh and Hertz 1991" in line for line in card)


def test_card_of_another_trial_says_which_is_the_choice(storage, tmp_path):
    chosen = gather_chosen(storage, "quick").best.number
    text = write_card(storage, "quick", tmp_path / "one.toml", trial=3).read_text()
    assert f"**Not the choice of the study**: that is trial {chosen}." in text
    assert "```sh\nregsearch run one.toml\n```" in text


def test_card_of_the_baseline_does_not_say_that_it_was_regularized(storage, tmp_path):
    path = write_card(storage, "quick", tmp_path / "plain.keras", trial=0)
    told = path.read_text(encoding="utf-8")
    assert "which regsearch left as it was given." in told
    assert "regularized. Out of" not in told


def test_card_of_an_ensemble_tells_each_of_its_trials(storage, tmp_path):
    ensemble = Ensemble(
        {0: 0.25, 3: 0.75}, 0.4, SelectionEstimate(0.5, (0.3, 0.7), 0.0, (0.0, 0.0), 0.4, 0.1, 0.95, 200, 5)
    )
    text = write_card(storage, "quick", tmp_path / "mean.keras", ensemble=ensemble).read_text()
    assert '"quick" it is the weighted mean of several: 25% trial 0, 75% trial 3.' in text
    assert "\n- Trial 0: training.learning_rate 0.001\n- Trial 3: " in text
    assert "- The ensemble is estimated to score 0.5 on other rows\n  (95% interval 0.3 to 0.7).\n" in text


def test_names_of_users_are_text_and_no_markup():
    evil = (
        "a|b",
        "`x`",
        "<script>alert(1)</script>",
        "[y](javascript:z)",
        "*b*",
        "_i_",
        "snake_case",
        "two\nlines",
        "\0",
    )
    facts = StudyFacts(
        "multiclass", classes=evil, input_shape=(1,), inputs=evil, rows=RowCounts(1, 1, 1, 1), folder="/"
    )
    spec = {
        "study": {"name": "s", "n_trials": 1},
        "data": {"source": "csv", "path": "<b>|.csv", "target": "=`t`", "task": "classification"},
        "model": {"family": "mlp", "hidden": [4]},
        "space": {"l2": {"choices": [0.1]}},
    }
    notes = ("Column <img src=x> | y",)
    record = StudyRecord(
        "s", 1, "minimize", "log_loss", spec, "ab" * 32, facts, dt.datetime(2026, 1, 2), 1, notes=notes
    )
    best = Trial(0, TrialState.COMPLETE, Configuration(), 0.5)
    chosen = Chosen(record, spec_from_json(spec), best, best, 1)
    found = Best(record, 1, Choice(best, best, "minimize"), None, None, False, None, (), {})
    text = model_card(CardFacts(chosen, found), ["`` best`.keras"])
    classes = next(line for line in text.splitlines() if line.startswith("| classes"))
    assert classes == (
        "| classes, by index | a\\|b, \\`x\\`, &lt;script&gt;alert(1)&lt;/script&gt;, \\[y\\](javascript:z), \\*b\\*, "
        "\\_i\\_, snake_case, two lines, \ufffd |"
    )
    assert "| file | &lt;b&gt;\\|.csv |" in text
    assert "| target | \\=\\`t\\` |" in text
    assert "- Column &lt;img src=x&gt; \\| y" in text
    assert "<" not in text.partition("## How to use it")[0]
    assert "```sh\nregsearch predict '`` best`.keras' rows.csv -o predicted.csv\n```" in text


def test_card_stands_beside_its_file(tmp_path):
    assert card_path(tmp_path / "best.keras") == tmp_path / "best.card.md"
    assert card_path(tmp_path / "best") == tmp_path / "best.card.md"
