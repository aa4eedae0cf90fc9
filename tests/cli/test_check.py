"""`regsearch check` looks at the data of a study."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from search.cli import cli

STUDY = """
[study]
name = "looked_at"
n_trials = 2
[data]
source = "csv"
path = "rows.csv"
target = "left"
dates = ["refund"]
[model]
family = "mlp"
hidden = [4]
[space]
l2 = { choices = [0.01] }
"""


@pytest.fixture
def study(tmp_path):
    rng = np.random.default_rng(0)
    left = rng.integers(0, 2, 120)
    refund = [f"2024-01-{day:02}" if gone else "" for gone, day in zip(left, rng.integers(1, 29, 120), strict=True)]
    frame = {"width": rng.normal(size=120), "color": rng.choice(["red", "blue"], 120), "refund": refund, "left": left}
    pd.DataFrame(frame).to_csv(tmp_path / "rows.csv", index=False)
    (tmp_path / "study.toml").write_text(STUDY)
    return str(tmp_path / "study.toml")


def test_columns_are_told_with_gaps_and_what_comes_from_after_the_fact(study):
    said = CliRunner().invoke(cli, ["check", study])
    assert said.exit_code == 0
    assert said.stdout.startswith("[study]"), "the study alone, which is a file"
    lines = said.stderr.splitlines()
    assert lines[1].startswith("120 rows that are not sealed; the target: 2 classes: 0 ")
    table = {line.split()[0]: line.split()[1:] for line in lines if line.startswith(("width", "color", "refund"))}
    assert table["color"][:3] == ["text", "-", "2"]
    assert table["refund"][0] == "date"
    assert int(table["refund"][1]) > 20
    assert table["refund"][-1] == "1.00"
    assert float(table["width"][-1]) < 0.5
    assert (
        'note: "refund" alone tells the target (1.00 of 1, on 120 rows): does it come from after the fact, or is it '
        "the target?"
    ) in lines
    assert any(
        line.startswith("alone predicts: from 0 (no better than a guess) to 1, on 120 rows in 3") for line in lines
    )
    assert not any("width" in line and "alone tells" in line for line in lines)


def test_missing_cells_are_counted_once(study):
    said = CliRunner().invoke(cli, ["check", study, "--set", "split.test=0.5"]).stderr
    (of_look,) = (line.split()[2] for line in said.splitlines() if line.startswith("refund"))
    assert f'note: Missing cells, {of_look} in "refund", become the median' in said


def test_columns_that_are_too_many_to_look_at_are_counted(study, tmp_path):
    rows = pd.read_csv(tmp_path / "rows.csv")
    more = pd.DataFrame(np.random.default_rng(0).normal(size=(120, 201))).add_prefix("v")
    pd.concat([rows, more], axis=1).to_csv(tmp_path / "rows.csv", index=False)
    lines = CliRunner().invoke(cli, ["check", study]).stderr.splitlines()
    assert lines[2] == "204 columns, too many to look at one by one"


def test_quiet_check_looks_at_nothing(study):
    said = CliRunner().invoke(cli, ["-q", "check", study])
    assert (said.exit_code, said.stderr) == (0, "")


def test_first_look_trains_the_baseline_and_stores_nothing(study, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    epochs = ["--set", "training.epochs=12", "--set", "training.engine=graph"]
    done = CliRunner().invoke(cli, ["check", study, "--train", *epochs])
    assert done.exit_code == 0, done.output
    assert "12 of 12 epochs, " in done.stderr
    assert done.stderr.splitlines()[-1].startswith("first look: ")
    assert "first look" not in done.stdout
    assert not list(tmp_path.glob("*.db"))


def test_first_look_ends_when_its_time_is_over(study):
    from search.followup.first_look import take_first_look
    from search.preparation.files import prepare_study

    prepared = prepare_study(study, ["training.epochs=1000000", 'training.engine="compiled"'])
    found = take_first_look(prepared, seconds=0.5)
    assert found.stopped
    assert 0 < len(found.curve.train_loss) < found.n_epochs


def test_first_look_tells_of_a_learning_rate_that_is_too_large(study):
    done = CliRunner().invoke(
        cli, ["check", study, "--train", "--set", "training.learning_rate=1e30", "--set", "training.engine=graph"]
    )
    assert done.exit_code == 0
    assert "the learning rate, 1e+30, is too large. Try 1e+29." in done.stderr
