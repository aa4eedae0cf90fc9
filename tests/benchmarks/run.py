"""How fast regsearch is, against its peers on this machine now.

    uv run --group bench python tests/benchmarks/run.py [--only run,digits] [--quick] [--json FILE] [--write]

Each row runs in a process of its own. What counts are the ratios: a machine that is busy or slow changes both sides.
"""

import argparse
import json
import multiprocessing
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from pathlib import Path

HERE = Path(__file__).parent
ROWS = (
    "start",
    "run",
    "kernel",
    "lanes",
    "front",
    "study",
    "digits",
    "lstm",
    "mnist",
    "search",
    "control",
    "scale",
    "machines",
)
ONE_THREAD = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")

sys.path.insert(0, str(HERE.parents[1]))  # a file that is run finds only the modules beside it


def main() -> None:
    from tests.benchmarks.table import describe, print_table, write_results

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", type=parse_rows, default=ROWS, metavar="ROW,...", help="of " + ", ".join(ROWS))
    parser.add_argument("--quick", action="store_true", help="fewer rounds and shorter parts")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write what was measured to FILE")
    parser.add_argument("--write", action="store_true", help="renew RESULTS.md and results.json")
    asked = parser.parse_args()
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))  # as the workers have it, and before NumPy is imported
    measured = {}
    for name in asked.only:
        print(f"{name} ...", file=sys.stderr)
        measured[name] = describe(*measure_apart(name, "QUICK" if asked.quick else "FULL"))
    print_table(measured)
    if asked.json:
        asked.json.write_text(json.dumps(measured, indent=1) + "\n")
    if asked.write:
        write_results(measured, HERE)


def parse_rows(text):
    names = text.split(",")
    unknown = [name for name in names if name not in ROWS]
    if unknown:
        raise argparse.ArgumentTypeError(f"expected some of {', '.join(ROWS)}, received {', '.join(unknown)}")
    return names


def measure_apart(name, size):
    """Measure a row in a new process; its lines, and what limits it."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        return process.submit(measure, name, size).result()


def measure(name, size):
    row = import_module(f"tests.benchmarks.rows.{name}")
    return row.measure(**getattr(row, size)), row.LIMITED_BY


if __name__ == "__main__":
    main()
