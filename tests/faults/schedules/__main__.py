"""Play seeded schedules: `python -m tests.faults.schedules --seeds 0:10000`.

A schedule that fails is told with its steps; `--seeds N` plays it again.
"""

import argparse
import collections
import sys
import time
import traceback

from tests.faults.schedules.playing import N_STUDIES, player


def main(arguments=None):
    """Play the schedules; 0 when nothing failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.schedules", description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", default="0:10000", help="one seed, or FIRST:END; default: 0:10000")
    parser.add_argument("--database", choices=("memory", "sqlite"), default="memory", help="default: memory")
    parser.add_argument("--steps", action="store_true", help="print the steps of each schedule")
    asked = parser.parse_args(arguments)
    first, colon, end = asked.seeds.partition(":")
    seeds = range(int(first), int(end) if colon else int(first) + 1)
    with player(asked.database) as playing:
        for number in range(min(len(seeds), N_STUDIES)):
            playing.study(seeds[number])  # made before the clock starts
        return _play(playing, seeds, asked.steps)


def _play(playing, seeds, prints_steps):
    counts = collections.Counter()
    since, cpu_since = time.perf_counter(), time.process_time()
    for seed in seeds:
        try:
            world = playing.play(seed)
        except Exception:  # noqa: BLE001  # whatever it is, it is told
            world = playing.world
            print(f"seed {seed}, a study of kind {world.study.kind!r}:", *world.steps, sep="\n")
            traceback.print_exc(file=sys.stdout)
            return 1
        counts.update(world.counts)
        counts["schedules"] += 1
        if prints_steps:
            print(f"seed {seed}, a study of kind {world.study.kind!r}:", *world.steps, sep="\n")
    seconds, cpu_seconds = time.perf_counter() - since, time.process_time() - cpu_since
    told = ", ".join(f"{counts[what]:,} {what}" for what in ("schedules", *world.counts))
    print(f"{told}: nothing failed.")
    print(
        f"{60 * counts['schedules'] / seconds:,.0f} schedules a minute; "
        f"{60 * counts['schedules'] / cpu_seconds:,.0f} a minute of one core."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
