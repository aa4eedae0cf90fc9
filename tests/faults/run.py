"""A study of real runs is killed again and again; what it told before is held against all that it tells later.

    uv run python tests/faults/run.py --backend sqlite|postgresql --seed 1 [--trials 1000] [--kills 500] [--write]

The study is run undisturbed first, then once more with what the seed's plan does to it. The exit code is 1 where
anything came to pass that should not.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
STUDY = ("confirm.finalists=2", "confirm.repeats=20")

sys.path.insert(0, str(HERE.parents[1]))  # a file that is run finds only the modules beside it


def main() -> int:
    from tests.faults.table import describe, print_result, write_result

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backend", choices=("sqlite", "postgresql"), required=True)
    parser.add_argument("--seed", type=int, default=1, help="of the study and of what is done to it")
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=500, help="SIGKILLs, at coordinators, workers and fork servers")
    parser.add_argument("--restarts", type=int, default=50, help="of the server; a SQLite file is locked instead")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=60_000, help="of a run: 60,000 take a third of a second")
    parser.add_argument("--write", action="store_true", help="add what came of it to results.json and RESULTS.md")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        os.environ.setdefault("REGSEARCH_CACHE", f"{folder}/programs")  # all sessions share what they compile
        result = describe(asked, *hurt(asked, Path(folder)))
    print_result(result)
    if asked.write:
        write_result(result, HERE)
    return 1 if result["violations"] else 0


def hurt(asked, folder):
    """What came of the study when nothing happened, and of the same study when it was hurt."""
    from tests.faults.databases import databases
    from tests.faults.hurting import run_hurt
    from tests.faults.plan import plan_harms

    settings = [word for each in (*STUDY, f"training.epochs={asked.epochs}") for word in ("--set", each)]
    arguments = ("--n-jobs", str(asked.jobs), "--seed", str(asked.seed), *settings)
    tell = Teller()
    with databases(asked.backend, folder) as (left_alone, hurt_one):
        tell("undisturbed ...")
        undisturbed = run_hurt(new_folder(folder, "undisturbed"), left_alone, asked.trials, arguments)
        if undisturbed.history.violations:
            return undisturbed, undisturbed
        n_points, seconds = undisturbed.end.n_acknowledged, undisturbed.work_seconds
        harms = plan_harms(asked.seed, n_points, seconds, asked.kills, asked.restarts)
        tell(f"undisturbed: {undisturbed.end.n_acknowledged} results in {undisturbed.seconds:.0f} s")
        ended = undisturbed.end
        return undisturbed, run_hurt(new_folder(folder, "hurt"), hurt_one, asked.trials, arguments, harms, ended, tell)


def new_folder(folder, name):
    made = folder / name
    made.mkdir()
    return made


class Teller:
    """Says on stderr how it goes, every ten seconds at most."""

    def __init__(self):
        self._began, self._told = time.monotonic(), -10.0

    def __call__(self, words):
        seconds = time.monotonic() - self._began
        if seconds - self._told >= 10.0:
            self._told = seconds
            print(f"{seconds:6.0f} s: {words}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
