"""Whatever dies, no accepted result is lost, nothing is stuck, and the study ends as if nothing had happened."""

import json
import os
import signal

import psutil


def test_number_of_workers_changes_nothing(launch, look, tmp_path, unbroken):
    assert launch("--n-jobs", "2").wait() == 0
    assert look.outcome(tmp_path) == unbroken


def test_killed_coordinator_goes_on_where_it_was(launch, look, tmp_path, unbroken):
    first = launch("--n-jobs", "1")
    first.wait_until_ended(3)
    workers = first.workers()
    first.kill()
    accepted = look.ended(tmp_path)
    assert len(accepted) >= 3
    status = json.loads(look.read(tmp_path, "status", "hurt").stdout)
    assert status["state"] == "interrupted"
    assert status["interrupted"]
    psutil.wait_procs(workers, timeout=30)
    assert not [worker for worker in workers if worker.is_running()], "workers outlived their coordinator"
    assert launch("--n-jobs", "1").wait() == 0
    assert look.outcome(tmp_path) == unbroken
    assert [t for t in look.ended(tmp_path) if t["trial"] in {a["trial"] for a in accepted}] == accepted


def test_signals_end_the_study_with_their_code_and_it_goes_on(launch, look, tmp_path, unbroken):
    first = launch("--n-jobs", "1")
    first.wait_until_ended(1)
    os.kill(first.process.pid, signal.SIGINT)
    assert first.wait(60) == 130
    n_ended = len(look.ended(tmp_path))
    assert n_ended < 12, "expected the first session to leave something to the second"
    second = launch("--n-trials", "80", "--n-jobs", "1")  # long enough not to end by itself meanwhile
    second.wait_until_ended(n_ended + 1)  # by itself: a signal that comes before it has begun is another matter
    os.kill(second.process.pid, signal.SIGTERM)
    assert second.wait(60) == 143
    assert launch().wait() == 0
    assert look.outcome(tmp_path)[:14] == unbroken
    assert "Traceback" not in (tmp_path / "stderr.txt").read_text()


def test_timeout_withdraws_what_runs_and_the_study_goes_on(launch, look, tmp_path, unbroken):
    assert launch("--n-jobs", "1", "--timeout", "2").wait(60) == 0
    accepted = look.ended(tmp_path)
    status = json.loads(look.read(tmp_path, "status", "hurt").stdout)
    assert status["state"] == "interrupted"
    n_withdrawn = len(status["interrupted"])
    assert n_withdrawn > 0
    said = (tmp_path / "stderr.txt").read_text()
    assert "The timeout of 2 s is spent: no more trials are asked; " in said, said
    assert f"Time is up: {n_withdrawn} trial" in said
    assert "Traceback" not in said
    assert launch("--n-jobs", "1").wait() == 0
    assert look.outcome(tmp_path) == unbroken
    assert [t for t in look.ended(tmp_path) if t["trial"] in {a["trial"] for a in accepted}] == accepted


def test_second_run_of_a_running_study_exits_3_and_says_who_holds_it(launch, look, tmp_path, unbroken):
    first = launch("--n-trials", "80", "--n-jobs", "1")  # long enough for a second one to start meanwhile
    first.wait_until_ended(1)
    assert launch("--n-trials", "80").wait(60) == 3
    message = (tmp_path / "stderr.txt").read_text()
    assert f"process {first.process.pid}" in message
    assert json.loads(look.read(tmp_path, "status", "hurt").stdout)["state"] == "running"
    assert first.wait() == 0
    assert look.outcome(tmp_path)[:14] == unbroken


def test_stop_command_drains_a_running_study(launch, look, tmp_path, unbroken):
    first = launch("--set", "study.window=2", "--n-trials", "50", "--n-jobs", "1")
    first.wait_until_ended(1)
    assert look.stop(tmp_path).returncode == 0
    assert first.wait(60) == 0
    assert 0 < len(look.outcome(tmp_path)) < 50
    assert all(state in ("COMPLETE", "PRUNED") for _, state, _, _ in look.outcome(tmp_path))
    assert json.loads(look.read(tmp_path, "status", "hurt").stdout)["state"] == "stopped"
