"""What a shell completes behind `regsearch`."""

import os
import pty
import select
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from search.cli import cli
from search.cli._completing import _Fish, _WholeWords
from search.records import StudyFacts
from search.storage import open_storage

CHECKOUT = Path(__file__).parents[2]
HEAVY = {"alembic", "distributed", "keras", "numpy", "optuna", "pandas", "pydantic", "scipy", "sklearn", "tensorflow"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with two studies in its default storage, study files, and the command."""
    made = tmp_path_factory.mktemp("completion")
    with open_storage(f"sqlite:///{made / 'regsearch.db'}", create=True) as storage:
        for name in ("alpha", "alps", "beta"):
            storage.create_study(name, "minimize", "mse", {"space": {}}, "ab" * 32, StudyFacts("regression"), 1)
    (made / "own.toml").touch()
    (made / "more").mkdir()
    (made / "more" / "other.toml").touch()
    (made / "bin").mkdir()
    program = made / "bin" / "regsearch"
    program.write_text(f'#!/bin/sh\nPYTHONPATH="{CHECKOUT}" exec "{sys.executable}" -m search "$@"\n')
    program.chmod(0o755)
    return made


@pytest.fixture
def completed(folder, monkeypatch):
    """`completed("best", "al")`: what bash is told of a line whose last word is being typed."""
    monkeypatch.chdir(folder)
    monkeypatch.delenv("OPTUNA_STORAGE", raising=False)

    def complete(*words):
        monkeypatch.setenv("COMP_WORDS", "\n".join(("regsearch", *words)))
        monkeypatch.setenv("COMP_CWORD", str(len(words)))
        return _WholeWords(cli, {}, "regsearch", "_REGSEARCH_COMPLETE").complete().splitlines()

    return complete


@pytest.mark.parametrize(
    "command", ["best", "status", "trials", "export", "report", "plot", "watch", "stop", "path", "logs", "delete"]
)
def test_studies_complete_from_the_storage(completed, command):
    assert completed(command, "al") == ["plain,alpha", "plain,alps"]


def test_study_that_a_line_names_already_is_not_offered_again(completed):
    assert completed("compare", "alpha", "") == ["plain,alps", "plain,beta"]


def test_storage_that_the_line_names_is_asked(completed, tmp_path):
    with open_storage(f"sqlite:///{tmp_path / 'other.db'}", create=True) as storage:
        storage.create_study("elsewhere", "minimize", "mse", {"space": {}}, "ab" * 32, StudyFacts("regression"), 1)
    in_pieces = ("best", "--storage", "sqlite", ":", f"///{tmp_path}/other.db", "")  # as bash cuts it at the colon
    assert completed(*in_pieces) == ["plain,elsewhere"]
    assert completed("best", "--storage", "=", "sqlite", ":", f"///{tmp_path}/other.db", "e") == ["plain,elsewhere"]


def test_run_completes_shipped_studies_and_study_files(completed):
    offered = completed("run", "")
    assert {"plain,moons", "plain,own.toml", "plain,more/other.toml"} <= set(offered)
    assert completed("check", "more/") == ["plain,more/other.toml"]
    assert completed("run", "nothing/of/the/sort") == ["file,nothing/of/the/sort"]


def test_commands_options_and_choices_complete(completed):
    assert completed("do") == ["plain,doctor"]
    assert completed("completion", "") == ["plain,bash", "plain,zsh", "plain,fish"]
    assert completed("best", "--for") == ["plain,--format"]
    assert completed("trials", "alpha", "--format", "=", "c") == ["plain,csv"]
    assert completed("plot", "alpha", "--kind", "cu") == ["plain,curves"]


def test_help_with_commas_is_whole_and_a_value_has_its_option_in_front_in_fish(folder, monkeypatch):
    monkeypatch.chdir(folder)

    def completed(line, word):
        monkeypatch.setenv("COMP_WORDS", line)
        monkeypatch.setenv("COMP_CWORD", word)
        return _Fish(cli, {}, "regsearch", "_REGSEARCH_COMPLETE").complete()

    assert completed("regsearch trials alpha --format=c", "--format=c") == "plain,--format=csv"
    assert completed("regsearch ab", "ab").startswith("plain,ablate\tTake each part of the choice out in turn,")
    assert 'split -m 1 ","' in _Fish(cli, {}, "regsearch", "_REGSEARCH_COMPLETE").source()
    assert completed("regsearch best be", "be") == "plain,beta"


def _damaged(path):
    path.write_bytes(b"no database at all" * 100)


def _locked(path):
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("CREATE TABLE studies (study_id INTEGER)")
    other.execute("BEGIN EXCLUSIVE")
    return other


@pytest.mark.parametrize(
    ("prepare", "url"),
    [
        (lambda path: None, "sqlite:///{}"),
        (_damaged, "sqlite:///{}"),
        (_locked, "sqlite:///{}"),
        (lambda path: None, "nonsense"),
        (lambda path: None, "postgresql://u:p@127.0.0.1:1/d"),
    ],
    ids=["missing", "damaged", "locked", "no URL", "no server"],
)
def test_storage_that_cannot_be_read_is_met_with_silence(completed, monkeypatch, capfd, tmp_path, prepare, url):
    path = tmp_path / "s.db"
    holding = prepare(path)
    before = sorted(tmp_path.iterdir())
    monkeypatch.setenv("OPTUNA_STORAGE", url.format(path))
    assert completed("best", "") == []
    assert capfd.readouterr() == ("", "")
    assert sorted(tmp_path.iterdir()) == before
    if holding is not None:
        holding.close()


def test_completion_of_a_study_imports_nothing_heavy(folder):
    environment = {k: v for k, v in os.environ.items() if k != "OPTUNA_STORAGE"} | {
        "PYTHONPATH": str(CHECKOUT),
        "_REGSEARCH_COMPLETE": "bash_complete",
        "COMP_CWORD": "2",
    }
    for line, offered in (
        ("regsearch best a", "plain,alpha\nplain,alps\n"),
        ("regsearch run moons_gr", "plain,moons_grid\n"),
    ):
        done = subprocess.run(
            [sys.executable, "-X", "importtime", "-m", "search"],
            cwd=folder,
            env=environment | {"COMP_WORDS": line},
            capture_output=True,
            text=True,
            check=True,
        )
        imported = {each.rpartition("|")[2].strip().partition(".")[0] for each in done.stderr.splitlines()}
        assert done.stdout == offered
        assert "click" in imported
        assert not imported & HEAVY


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_script_says_first_how_to_install_it(shell, command, tmp_path):
    done = command.in_this_process("completion", shell, cwd=tmp_path)
    assert (done.code, done.err) == (0, "")
    first, *script = done.out.splitlines()
    assert first.startswith(f"# Install: regsearch completion {shell} > ")
    assert any(f"_REGSEARCH_COMPLETE={shell}_complete" in line for line in script)


_SHELLS = {
    "bash": (["bash", "--noprofile", "--norc", "-i"], ". ./c.bash"),
    "zsh": (["zsh", "-f", "-i"], "autoload -Uz compinit && compinit -u -D && . ./c.zsh"),
    "fish": (["fish", "--no-config", "--private", "-i"], "source c.fish"),
}
"""How each is started, and how the script is read."""
_PROMPTS = ("$ ", "% ", "# ", "> ")


@pytest.mark.parametrize("shell", _SHELLS)
def test_shell_completes_as_it_is_typed(shell, folder):
    """A real shell on a terminal of its own: the script is installed, a line is begun, the tabulator pressed."""
    assert shutil.which(shell), f"expected {shell}: apt-get install {shell}, as .ci/run does"
    arguments, reading = _SHELLS[shell]
    environment = {k: v for k, v in os.environ.items() if k != "OPTUNA_STORAGE"}
    environment |= {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "HOME": str(folder)}
    environment |= {"TERM": "dumb" if shell == "bash" else "xterm"}
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(folder)
        os.execvpe(shell, arguments, environment)
    try:
        _read_until(terminal, *_PROMPTS)
        # In two parts, so that what was typed is not taken for what it prints.
        os.write(terminal, f"regsearch completion {shell} > c.{shell} && {reading} && echo in''stalled\n".encode())
        _read_until(terminal, "installed")
        os.write(terminal, b"regsearch trials bet\t--format=c\t\n")
        _read_until(terminal, "trial,state,mse,error")
    finally:
        os.kill(pid, signal.SIGKILL)
        os.close(terminal)
        os.waitpid(pid, 0)


def _read_until(terminal, *texts):
    shown, deadline = "", time.monotonic() + 60
    while not any(text in shown for text in texts):
        assert time.monotonic() < deadline, shown
        if select.select([terminal], [], [], 1)[0]:
            shown += os.read(terminal, 65536).decode(errors="replace")
    return shown
