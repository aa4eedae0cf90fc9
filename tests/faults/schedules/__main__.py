"""Play seeded schedules: `python -m tests.faults.schedules --seeds 0:10000`.

A schedule that fails is told with its steps; `--seeds N` plays it again.
"""

import argparse
import collections
import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor

from search.fork_server import available_cores
from tests.faults.schedules.shares import play_all


def main(arguments=None):
    """Play the schedules; 0 when nothing failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.schedules", description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", default="0:10000", help="one seed, or FIRST:END; default: 0:10000")
    parser.add_argument("--database", choices=("memory", "sqlite"), default="memory", help="default: memory")
    parser.add_argument("--jobs", type=int, default=available_cores(), help="processes; default: one a core")
    parser.add_argument("--steps", action="store_true", help="print the steps of each schedule")
    asked = parser.parse_args(arguments)
    first, colon, end = asked.seeds.partition(":")
    seeds = range(int(first), int(end) if colon else int(first) + 1)
    shares = [share for number in range(asked.jobs) if (share := seeds[number :: asked.jobs])]
    if len(shares) < 2:
        played = [play_all(asked.database, seeds, asked.steps)]
    else:
        with ProcessPoolExecutor(len(shares), multiprocessing.get_context("spawn")) as processes:
            playing = [processes.submit(play_all, asked.database, share, asked.steps) for share in shares]
            played = [each.result() for each in playing]
    return _tell(played)


def _tell(played):
    """Tell what came of all schedules; the exit code."""
    print(*(each.text for each in played), sep="", end="")
    if any(each.has_failed for each in played):
        return 1
    counts = sum((each.counts for each in played), collections.Counter())
    n_schedules, seconds = counts["schedules"], max(each.seconds for each in played)
    print(f"{', '.join(f'{count:,} {what}' for what, count in counts.items())}: nothing failed.")
    print(
        f"{60 * n_schedules / seconds:,.0f} schedules a minute in {len(played)} processes; "
        f"{60 * n_schedules / sum(each.cpu_seconds for each in played):,.0f} a minute of one core."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
