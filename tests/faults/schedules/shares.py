"""A share of the schedules, played by a process of its own; a module, for a process finds nothing in `__main__`."""

import collections
import dataclasses
import io
import time
import traceback

from tests.faults.schedules.playing import N_STUDIES, player


@dataclasses.dataclass(frozen=True)
class Played:
    """What came of some schedules; `seconds` and `cpu_seconds` without those in which studies were made."""

    counts: collections.Counter
    seconds: float
    cpu_seconds: float
    text: str
    has_failed: bool = False


def play_all(database, seeds, prints_steps):
    """Play schedules up to the first that fails."""
    counts, told = collections.Counter(), io.StringIO()
    with player(database) as playing:
        for number in range(min(len(seeds), N_STUDIES)):
            playing.study(seeds[number])  # made before the clock starts
        since, cpu_since = time.perf_counter(), time.process_time()
        has_failed = False
        for seed in seeds:
            try:
                playing.play(seed)
            except Exception:  # noqa: BLE001  # whatever it is, it is told
                has_failed = True
                traceback.print_exc(file=told)
            world = playing.world
            if has_failed or prints_steps:
                print(f"seed {seed}, a study of kind {world.study.kind!r}:", *world.steps, sep="\n", file=told)
            if has_failed:
                break
            counts.update(schedules=1, **world.counts)
        spent = time.perf_counter() - since, time.process_time() - cpu_since
    return Played(counts, *spent, told.getvalue(), has_failed)
