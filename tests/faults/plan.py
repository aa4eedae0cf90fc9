"""What is done to a study and when, drawn from one seed."""

from __future__ import annotations

import enum
import random
from collections.abc import Sequence
from dataclasses import dataclass

COORDINATORS, WORKERS, FORK_SERVERS = 5, 4, 1
"""In which proportion each is aimed at."""

_LONGEST_DELAY_SECONDS = 2.0
"""So that most sessions come to train something, and a kill comes at any moment of the half second between writes."""
_SHARE_OF_WORK = 0.6
"""Of what a study works, undisturbed, which its harms wait at most: else it ends before the last of them came."""
_SECONDS_LEFT = 4.0
"""Of work, undisturbed, that is left for the last harm."""
_START_SECONDS = 4.0
_SHARE_AT_START = 0.2
_SHARE_OF_ATTEMPTS = 0.1
_SHORTEST_ABSENCE_SECONDS, _LONGEST_ABSENCE_SECONDS = 0.2, 3.0


class Aim(enum.Enum):
    """Which process is killed."""

    COORDINATOR = "coordinator"
    WORKER = "worker"
    FORK_SERVER = "fork server"


@dataclass(frozen=True)
class Kill:
    """A SIGKILL.

    Args:
        at: How far the study is by then: trials that ended and runs of the confirmation.
        delay_seconds: How long it waits when the study is that far, and goes on after the harm before.
        aim: Which process.
        in_start: Whether a coordinator may be hit before its workers stand ready.
        which: Which of several, from 0 to 1.
        attempts: Whether another one tries to take the study just before.
    """

    at: int
    delay_seconds: float
    aim: Aim
    in_start: bool = False
    which: float = 0.0
    attempts: bool = False


@dataclass(frozen=True)
class Absence:
    """The database goes away, and comes back.

    Args:
        at: As in `Kill`.
        delay_seconds: As in `Kill`.
        seconds: For how long.
        kill: A kill while it is away, whose delay counts from the beginning of the absence.
        goes_on: Whether a session that is killed is followed by the next while the database is still away.
    """

    at: int
    delay_seconds: float
    seconds: float
    kill: Kill | None = None
    goes_on: bool = False


Harm = Kill | Absence


def plan_harms(seed: int, n_points: int, work_seconds: float, kills: int, restarts: int) -> Sequence[Harm]:
    """The harms of a study in their order.

    Half of the absences have a kill in them. Some coordinators are killed once more while the next one starts.

    Args:
        seed: Equal seeds give equal plans.
        n_points: How far the study goes.
        work_seconds: How long it works when nothing happens.
        kills: How many processes are killed in all.
        restarts: How often the database goes away.
    """
    drawn = random.Random(seed)
    n_inside = min(kills, restarts // 2)
    n_harms = restarts + kills - n_inside
    longest = min(_LONGEST_DELAY_SECONDS, 2 * _SHARE_OF_WORK * work_seconds / max(1, n_harms))
    n_points = max(1, round(n_points * (1 - _SECONDS_LEFT / max(work_seconds, 2 * _SECONDS_LEFT))))
    harms: list[Harm] = [_draw_absence(drawn, n_points, longest, number < n_inside) for number in range(restarts)]
    harms += [_draw_kill(drawn, n_points, longest) for _ in range(kills - n_inside)]
    harms.sort(key=lambda harm: harm.at)
    return [_hastened(drawn, before, harm) for before, harm in zip([None, *harms], harms, strict=False)]


def _draw_kill(drawn: random.Random, n_points: int, longest_delay: float) -> Kill:
    (aim,) = drawn.choices(list(Aim), (COORDINATORS, WORKERS, FORK_SERVERS))
    attempts = drawn.random() < _SHARE_OF_ATTEMPTS
    return Kill(drawn.randrange(n_points), drawn.uniform(0, longest_delay), aim, False, drawn.random(), attempts)


def _draw_absence(drawn: random.Random, n_points: int, longest_delay: float, has_kill: bool) -> Absence:
    seconds = drawn.uniform(_SHORTEST_ABSENCE_SECONDS, _LONGEST_ABSENCE_SECONDS)
    kill = Kill(0, drawn.uniform(0, seconds), drawn.choice([Aim.COORDINATOR, Aim.WORKER]), True, drawn.random())
    at = drawn.randrange(1, max(2, n_points))  # a database that is not there yet cannot go away
    return Absence(at, drawn.uniform(0, longest_delay), seconds, kill if has_kill else None, drawn.random() < 0.5)


def _hastened(drawn: random.Random, before: Harm | None, harm: Harm) -> Harm:
    """Some kills of coordinators that follow another one come while the next session starts."""
    follows = isinstance(before, Kill) and before.aim is Aim.COORDINATOR
    if follows and isinstance(harm, Kill) and harm.aim is Aim.COORDINATOR and drawn.random() < 2 * _SHARE_AT_START:
        return Kill(before.at, drawn.uniform(0, _START_SECONDS), harm.aim, in_start=True)
    return harm
