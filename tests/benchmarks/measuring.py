"""What takes hours is measured piece by piece: each result is kept, and no piece is measured twice."""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

ONE_THREAD = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")

Found = dict[str, Any]


def kept(file: Path) -> list[Found]:
    """What was measured before."""
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def measure_missing(
    file: Path,
    pieces: Sequence[tuple[Any, ...]],
    measure: Callable[..., Found],
    n_jobs: int,
    words: Callable[[Found], str],
) -> None:
    """Measure pieces in processes, and add each to a file as it comes.

    Args:
        file: One line of JSON a piece.
        pieces: Arguments of `measure`, of what is not kept yet.
        measure: A function of a module, which returns what JSON can hold.
        n_jobs: Processes; each works on one thread, and is told one piece after the other, so that what it compiled
            serves those that follow.
        words: What is shown of a piece.
    """
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))
    with ProcessPoolExecutor(n_jobs, multiprocessing.get_context("spawn")) as pool:
        told = [pool.submit(measure, *piece) for piece in pieces]
        for number, one in enumerate(as_completed(told), start=1):
            found = one.result()
            with file.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps(found) + "\n")
            print(f"[{number}/{len(pieces)}] {words(found)}", file=sys.stderr, flush=True)
