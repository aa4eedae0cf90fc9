"""How honest the choice of a study is, on rows that nobody has seen.

    uv run python tests/benchmarks/honesty/run.py [--only sonar,wine] [--splits N] [--planted N] [--jobs N] [--write]

Searches that were measured before are kept in searches.jsonl beside this file and are not run again: delete the file to
measure anew. --write renews RESULTS.md from what there is.
"""

import argparse
import json
import multiprocessing
import os
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

HERE = Path(__file__).parent
KEPT = HERE / "searches.jsonl"
ONE_THREAD = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")

sys.path.insert(0, str(HERE.parents[2]))  # a file that is run finds only the modules beside it


def main() -> None:
    from tests.benchmarks.honesty.page import write_page
    from tests.benchmarks.honesty.planted import PLANTED
    from tests.benchmarks.honesty.tables import TABLES

    names = [table.name for table in TABLES]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(names), metavar="TABLE,...", help="of " + ", ".join(names))
    parser.add_argument("--splits", type=int, default=20, metavar="N", help="outer splits of each table")
    parser.add_argument("--planted", type=int, default=100, metavar="N", help="studies of each planted kind")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="processes")
    parser.add_argument("--write", action="store_true", help="renew RESULTS.md from what is kept")
    asked = parser.parse_args()
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))
    known = {(each["table"], each["split"]) for each in kept()}
    wanted = [(name, split) for split in range(asked.splits) for name in asked.only.split(",") if name in names]
    wanted += [(name, split) for split in range(asked.planted) for name in PLANTED]
    missing = [pair for pair in wanted if pair not in known]
    # Each process has tables of its own, so that it compiles the programs of each once.
    with ProcessPoolExecutor(asked.jobs, multiprocessing.get_context("spawn")) as pool:
        told = [pool.submit(measure, *pair) for pair in missing]
        for number, one in enumerate(as_completed(told), start=1):
            found = one.result()
            with KEPT.open("a", encoding="utf-8") as file:
                file.write(json.dumps(found) + "\n")
            words = f"{found['table']} {found['split']}: {found['verdict']['answer']}, {found['seconds']} s"
            print(f"[{number}/{len(missing)}] {words}", file=sys.stderr, flush=True)
    if asked.write:
        write_page(kept(), HERE / "RESULTS.md")


def kept():
    """What was measured before."""
    return [json.loads(line) for line in KEPT.read_text().splitlines()] if KEPT.exists() else []


def measure(name, split):
    """Run one search, in a process that runs many."""
    from tests.benchmarks.honesty.planted import PLANTED, find
    from tests.benchmarks.honesty.searches import search
    from tests.benchmarks.honesty.tables import TABLES

    if name in PLANTED:
        return find(name, split)
    return search(next(table for table in TABLES if table.name == name), split)


if __name__ == "__main__":
    main()
