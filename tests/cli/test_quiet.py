"""`--quiet`: results and errors, nothing else."""

import re

import pytest

STUDY = """
[study]
name = "short"
n_trials = 3
sampler = "tpe"
[data]
source = "sklearn.make_moons"
options = { n_samples = 60, noise = 0.2, random_state = 1 }
[split]
stop = "validation"
[model]
family = "mlp"
hidden = [4]
[training]
epochs = 3
engine = "graph"
[space]
l2 = { low = 1e-5, high = 1e-1, log = true }
patience = { low = 1, high = 2 }
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "short.toml").write_text(STUDY)
    return tmp_path


@pytest.mark.parametrize("before", [True, False])
def test_run_prints_the_result_and_nothing_on_stderr(command, folder, search_untrained, before):
    loud = search_untrained("short.toml", "--n-jobs", "1000", cwd=folder)
    assert (loud.code, "note: Early stopping watches" in loud.err, "--n-jobs 1000" in loud.err) == (0, True, True)
    given = ("-q", "run") if before else ("run", "--quiet")
    done = command.in_this_process(*given, "short.toml", "--n-jobs", "1000", cwd=folder)
    assert (done.code, done.err) == (0, "")
    seconds, result = re.compile(r"\d+ s$", re.MULTILINE), loud.out.partition("Results are in")[0]
    assert seconds.sub("", done.out) == seconds.sub("", result).strip("\n") + "\n"
    assert "Next:" not in done.out


def test_going_on_prints_nothing_either(folder, search_untrained):
    assert search_untrained("short.toml", cwd=folder).code == 0
    done = search_untrained("short.toml", "-q", "--n-trials", "30", cwd=folder)
    assert (done.code, done.err) == (0, "")
    assert search_untrained("short.toml", "-q", "--n-trials", "31", "--timeout", "0.000001", cwd=folder).err == ""


def test_every_command_is_quiet_where_it_is_said_before_it(tiny, command, folder):
    checked = command.in_this_process("-q", "check", "short.toml", cwd=folder)
    assert (checked.code, checked.err) == (0, "")
    assert checked.out.startswith("[study]")
    exported = command.in_this_process("-q", "export", "tiny", "-o", folder / "best.toml", cwd=tiny.folder)
    assert (exported.code, exported.out, exported.err) == (0, "", "")
    stopped = command.in_this_process("-q", "stop", "tiny", cwd=tiny.folder)
    assert (stopped.code, stopped.out, stopped.err) == (0, "", "")
    rows = "\n".join(["a,b,y", *(f"{n % 7},{n % 5},{'yes' if n % 2 else 'no'}" for n in range(60))])
    (folder / "rows.csv").write_text(rows + "\n")
    drafted = command.in_this_process(
        *("-q", "init", "--model", "mlp", "--data", "rows.csv", "--target", "y", "-o", "new.toml"), cwd=folder
    )
    assert (drafted.code, drafted.out, drafted.err) == (0, "", "")
    assert (folder / "new.toml").exists()


def test_errors_are_said_all_the_same(command, folder):
    done = command.in_this_process("-q", "run", "nowhere.toml", cwd=folder)
    assert done.code == 2
    assert done.err.startswith("nowhere.toml: expected a study file, received a path without a file.")
