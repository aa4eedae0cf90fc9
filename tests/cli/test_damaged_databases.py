"""Whatever bytes a database holds, each command that reads it answers with results or with one sentence."""

from __future__ import annotations

import json
import random
import sqlite3
from contextlib import closing

import hypothesis
import pytest
from hypothesis import strategies as st

PAGE = 4096
COMMANDS = (
    ["studies"],
    ["studies", "--format", "json"],
    ["status", "quick"],
    ["trials", "quick"],
    ["trials", "quick", "--format", "csv"],
    ["best", "quick"],
    ["best", "quick", "--format", "json"],
    ["compare", "quick", "quick"],
    ["export", "quick", "-o", "best.toml"],
    ["export", "quick", "--format", "json", "-o", "best.json"],
    ["export", "quick", "--format", "python", "-o", "best.py"],
    ["plot", "quick", "--kind", "curves", "-o", "curves.html"],
    ["report", "quick", "-o", "report.html"],
    ["stop", "quick"],
)


@pytest.fixture(scope="module")
def database(confirmed):
    """The bytes of a confirmed study's database."""
    with closing(sqlite3.connect(confirmed / "regsearch.db")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("PRAGMA journal_mode=DELETE")
    return (confirmed / "regsearch.db").read_bytes()


def damaged(content, seed, kind):
    rng, changed = random.Random(seed), bytearray(content)
    if kind == "cut":
        return bytes(changed[: rng.randrange(len(changed))])
    if kind in ("overwritten", "emptied"):
        first = PAGE * rng.randrange(len(changed) // PAGE)
        changed[first : first + PAGE] = rng.randbytes(PAGE) if kind == "overwritten" else bytes(PAGE)
    elif kind == "exchanged":
        one, other = (slice(PAGE * page, PAGE * (page + 1)) for page in rng.sample(range(1, len(changed) // PAGE), 2))
        changed[one], changed[other] = changed[other], changed[one]
    else:
        letters = kind.startswith("letter")
        places = [place for place, byte in enumerate(changed) if 32 <= byte < 127] if letters else range(len(changed))
        for place in rng.choices(places, k=int(kind.rpartition(" ")[2])):
            changed[place] ^= 1 << rng.randrange(8)
    return bytes(changed)


def answer(command, arguments, content, folder):
    """What a command says of such a database."""
    for left in folder.iterdir():
        left.unlink()
    (folder / "regsearch.db").write_bytes(content)
    told = command.in_this_process(*arguments, cwd=folder)
    assert told.code in (0, 2, 3), (arguments, told)
    assert "Traceback" not in told.err
    if told.code:
        assert "expected " in told.err, (arguments, told)
        assert len(told.err.splitlines()) < 10
    return told


KINDS = ("bit 1", "bit 8", "bit 64", "letter 1", "letter 200", "cut", "overwritten", "emptied", "exchanged")


@hypothesis.given(seed=st.integers(0, 10**9), kind=st.sampled_from(KINDS), arguments=st.sampled_from(COMMANDS))
@hypothesis.settings(
    max_examples=100, deadline=None, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture]
)
def test_damaged_database_is_answered_with_a_sentence(database, command, tmp_path, seed, kind, arguments):
    answer(command, arguments, damaged(database, seed, kind), tmp_path)


def changed_cell(content, tmp_path, statement, *values):
    (tmp_path / "regsearch.db").write_bytes(content)
    with closing(sqlite3.connect(tmp_path / "regsearch.db")) as connection, connection:
        assert connection.execute(statement, values).rowcount
    return (tmp_path / "regsearch.db").read_bytes()


@pytest.mark.parametrize(("statement", "value", "words"), [
    ("UPDATE regsearch_studies SET spec = ?", "[1]", "received other values: expected a study file, received [1]"),
    ("UPDATE regsearch_studies SET spec = ?", '{"study": {}}', "a study file as it was written, received another: no "),
    ("UPDATE regsearch_studies SET n_trials = ?", "x", "received other values: expected n_trials of kind int"),
    ("UPDATE regsearch_studies SET spec = ?", "{", "received other values: Expecting property name"),
    ("UPDATE trials SET state = ?", "DONE", "received other values: "),
    ("UPDATE regsearch_verdicts SET verdict = ?", "[]", "received other values: expected a document, received []"),
    ("UPDATE studies SET study_name = CAST(? AS TEXT)", b"quick\xff", "Could not decode to UTF-8"),
])  # fmt: skip
def test_value_that_was_not_written_so_is_named(database, command, tmp_path, statement, value, words):
    told = answer(command, ["best", "quick"], changed_cell(database, tmp_path, statement, value), tmp_path)
    assert told.code == 3
    assert words in told.err
    assert "is damaged; restore a copy, or" in told.err
    assert told.err.endswith("see `.recover` of the sqlite3 shell.\n")


def test_verdict_without_a_part_is_named(database, command, tmp_path):
    with closing(sqlite3.connect(f"file:{tmp_path / 'a.db'}", uri=True)) as connection:
        connection.deserialize(database)
        verdict = json.loads(connection.execute("SELECT verdict FROM regsearch_verdicts").fetchone()[0])
    del verdict["estimate"]
    content = changed_cell(database, tmp_path, "UPDATE regsearch_verdicts SET verdict = ?", json.dumps(verdict))
    told = answer(command, ["best", "quick"], content, tmp_path)
    assert told.err == (
        "storage: expected a verdict as it was written, received another: no 'estimate'. "
        "What is stored is damaged; restore a copy, or, of a SQLite file, see `.recover` of the sqlite3 shell.\n"
    )


def test_curve_of_other_bytes_is_named(database, command, tmp_path):
    content = changed_cell(database, tmp_path, "UPDATE regsearch_curves SET curve = ?", b"RSC1" + bytes(16) + b"x")
    told = answer(command, ["plot", "quick", "--kind", "curves", "-o", "curves.html"], content, tmp_path)
    assert told.err == (
        "storage sqlite:///regsearch.db: expected the database to hold what was written to it, received other values: "
        "expected a packed curve, received 21 other bytes. The file is damaged; restore a copy, or see `.recover` of "
        "the sqlite3 shell.\n"
    )
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".html"] == []
