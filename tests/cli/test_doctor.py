"""`regsearch doctor`: what is found, as lines and as JSON, and its exit code."""

import json

import pytest

from search.reporting import health
from search.reporting.health import Finding

FINDINGS = (
    Finding("versions", "Python", "3.11.7"),
    Finding("storage", "database", "sqlite:///a.db: file is not a database.", "problem", "Name another one."),
    Finding("storage", "journal", "delete, expected a write-ahead log", "warning", "Run it."),
)


@pytest.fixture
def doctor(command, monkeypatch, tmp_path):
    """`doctor(findings, ...)`: the command where these are found."""

    def ask(findings, *arguments, **variables):
        monkeypatch.setattr(health, "check_health", lambda url: iter(findings))
        return command.in_this_process("doctor", *arguments, cwd=tmp_path, **variables)

    return ask


def test_problems_and_their_remedies_are_shown_and_the_code_is_1(doctor):
    done = doctor(FINDINGS)
    assert (done.code, done.err) == (1, "")
    assert done.out.splitlines() == [
        "versions",
        "  ok       Python             3.11.7",
        "",
        "storage",
        "  problem  database           sqlite:///a.db: file is not a database.",
        "                              Name another one.",
        "  warning  journal            delete, expected a write-ahead log",
        "                              Run it.",
        "",
        "1 problem, 1 warning.",
    ]


def test_warnings_alone_are_code_0(doctor):
    assert doctor(FINDINGS[::2]).code == 0
    done = doctor(FINDINGS[:1])
    assert (done.code, done.out.splitlines()[-1]) == (0, "All is well.")


def test_json_has_every_finding(doctor):
    done = doctor(FINDINGS, "--format", "json")
    assert done.code == 1
    found = json.loads(done.out)
    assert (found["problems"], found["warnings"], len(found["findings"])) == (1, 1, 3)
    assert found["findings"][1] == {
        "part": "storage",
        "name": "database",
        "mark": "problem",
        "found": "sqlite:///a.db: file is not a database.",
        "remedy": "Name another one.",
    }


def test_this_machine_is_looked_at_from_end_to_end(process, tmp_path):
    """TensorFlow is asked; nothing is written, and the storage that is not there is no problem."""
    done = process("doctor", "--format", "json", cwd=tmp_path)
    found = {each["name"]: each for each in json.loads(done.out)["findings"]}
    assert done.code == 0, done.out
    assert " works, built for " in found["TensorFlow"]["found"]
    assert found["database"]["found"] == "sqlite:///regsearch.db, none yet: `regsearch run moons` makes it"
    assert list(tmp_path.iterdir()) == []
