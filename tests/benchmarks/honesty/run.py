"""How honest the choice of a study is, on rows that nobody has seen.

    uv run python tests/benchmarks/honesty/run.py [--only sonar,wine] [--splits N] [--planted N] [--jobs N] [--write]

Searches that were measured before are kept in searches.jsonl beside this file and are not run again: delete the file to
measure anew. --write renews RESULTS.md from what there is.
"""

import argparse
import sys
from pathlib import Path

HERE = Path(__file__).parent
KEPT = HERE / "searches.jsonl"

sys.path.insert(0, str(HERE.parents[2]))  # a file that is run finds only the modules beside it


def main() -> None:
    from tests.benchmarks.honesty.page import write_page
    from tests.benchmarks.honesty.planted import PLANTED
    from tests.benchmarks.honesty.tables import TABLES
    from tests.benchmarks.measuring import kept, measure_missing

    names = [table.name for table in TABLES]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(names), metavar="TABLE,...", help="of " + ", ".join(names))
    parser.add_argument("--splits", type=int, default=20, metavar="N", help="outer splits of each table")
    parser.add_argument("--planted", type=int, default=100, metavar="N", help="studies of each planted kind")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="processes")
    parser.add_argument("--write", action="store_true", help="renew RESULTS.md from what is kept")
    asked = parser.parse_args()
    known = {(each["table"], each["split"]) for each in kept(KEPT)}
    wanted = [(name, split) for split in range(asked.splits) for name in asked.only.split(",") if name in names]
    wanted += [(name, split) for split in range(asked.planted) for name in PLANTED]
    measure_missing(KEPT, [pair for pair in wanted if pair not in known], measure, asked.jobs, in_words)
    if asked.write:
        write_page(kept(KEPT), HERE / "RESULTS.md")


def in_words(found):
    """What is shown of a search that ended."""
    return f"{found['table']} {found['split']}: {found['verdict']['answer']}, {found['seconds']} s"


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
