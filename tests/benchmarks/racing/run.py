"""How many epochs of training a race saves, and what it costs.

    uv run --group bench python tests/benchmarks/racing/run.py [--seeds N] [--jobs N] [--lcbench FOLDER] [--write]

Races that were measured before are kept in races.jsonl beside this file and are not run again: delete the file to
measure anew. FOLDER holds model.onnx, config_space.json and encoding.json of lcbench, as YAHPO Gym's data has them.
--write renews RESULTS.md from what there is.
"""

import argparse
import sys
from pathlib import Path

HERE = Path(__file__).parent
KEPT = HERE / "races.jsonl"
TASKS = ("sonar", "breast_cancer", "diabetes", "digits", "gapminder", "wine")

sys.path.insert(0, str(HERE.parents[2]))  # a file that is run finds only the modules beside it


def main() -> None:
    from tests.benchmarks.measuring import kept, measure_missing
    from tests.benchmarks.racing.page import write_page
    from tests.benchmarks.racing.surrogate import tasks_of

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(TASKS), metavar="TABLE,...", help="of " + ", ".join(TASKS))
    parser.add_argument("--seeds", type=int, default=5, metavar="N", help="searches of each table")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="processes")
    parser.add_argument("--lcbench", metavar="FOLDER", help="race on the surrogate's tables, three searches each, too")
    parser.add_argument("--write", action="store_true", help="renew RESULTS.md from what is kept")
    asked = parser.parse_args()
    known = {(each["task"], each["seed"]) for each in kept(KEPT)}
    tables = asked.only.split(",") if asked.only else []
    wanted = [(None, name, seed) for seed in range(asked.seeds) for name in tables if (name, seed) not in known]
    if asked.lcbench:
        tasks = tasks_of(asked.lcbench)
        wanted += [
            (asked.lcbench, name, seed) for seed in range(3) for name in tasks if (f"lcbench {name}", seed) not in known
        ]
    measure_missing(KEPT, wanted, measure, asked.jobs, lambda found: f"{found['task']} {found['seed']}")
    if asked.write:
        write_page(kept(KEPT), HERE / "RESULTS.md")


def measure(folder, name, seed):
    """Run one race, in a process that runs many."""
    from tests.benchmarks.honesty.tables import TABLES
    from tests.benchmarks.racing.races import race
    from tests.benchmarks.racing.surrogate import race_on_curves

    if folder is not None:
        return race_on_curves(folder, name, seed)
    return race(next(table for table in TABLES if table.name == name), seed)


if __name__ == "__main__":
    main()
