"""Processor, memory and threads, as Linux tells them; elsewhere what Python knows."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterator
from pathlib import Path

from search.fork_server import ONE_THREAD, available_cores
from search.reporting.health._base import Finding, size_in_words

_SHOWN_FEATURES = {"avx": "AVX", "avx2": "AVX2", "fma": "FMA", "avx512f": "AVX-512", "asimd": "NEON"}
_THREADS = tuple(name for name in ONE_THREAD if name.endswith("THREADS"))
_FLAGS = ("XLA_FLAGS", "TF_XLA_FLAGS", "CUDA_VISIBLE_DEVICES", "KERAS_BACKEND")
_BYTES_A_WORKER = 2**30
"""What a worker with TensorFlow and its programs takes, about."""


def check_machine(proc: Path = Path("/proc"), cgroup: Path = Path("/sys/fs/cgroup")) -> Iterator[Finding]:
    """The processor and its features, cores, memory and what the environment says of threads.

    Args:
        proc: Where Linux tells of processor and memory.
        cgroup: Where it tells of a container's limits.
    """
    yield _processor(proc)
    n_cores = available_cores()
    yield _cores(n_cores, _limit_of_cores(cgroup))
    yield from _memory(n_cores, proc, cgroup)
    given = {name: os.environ[name] for name in (*_THREADS, *_FLAGS) if os.environ.get(name)}
    told = ", ".join(f"{name}={value}" for name, value in given.items()) or "nothing set"
    yield Finding("machine", "environment", f"{told}; each worker computes with one thread")


def _processor(proc: Path) -> Finding:
    text = _text(proc / "cpuinfo")
    told = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    name = told[1] if told else platform.processor() or platform.machine()
    flags = re.search(r"^(?:flags|Features)\s*:\s*(.+)$", text, re.MULTILINE)
    features = set(flags[1].split()) if flags else set[str]()
    shown = [word for feature, word in _SHOWN_FEATURES.items() if feature in features]
    found = f"{name}, {platform.machine()}" + (f", {', '.join(shown)}" if shown else "")
    if features and platform.machine() in ("x86_64", "AMD64"):
        if "avx" not in features:
            remedy = "TensorFlow's wheels need AVX: build it for this processor, or take another machine."
            return Finding("machine", "processor", f"{found}, without AVX", "problem", remedy)
        if not {"avx2", "fma"} <= features:
            remedy = "Nothing to be done but to take another machine: programs run slower here."
            return Finding("machine", "processor", f"{found}, without AVX2 or FMA", "warning", remedy)
    return Finding("machine", "processor", found)


def _cores(n_usable: int, limit: float | None) -> Finding:
    n_all = os.cpu_count() or n_usable
    found = f"{n_usable} usable of {n_all}"
    if limit is not None and limit < n_usable:
        n_jobs = max(1, int(limit))
        remedy = f"Run as many workers: --n-jobs {n_jobs}. By default there is one a usable core."
        return Finding("machine", "cores", f"{found}, time for {limit:.3g} of them", "warning", remedy)
    return Finding("machine", "cores", found)


def _memory(n_cores: int, proc: Path, cgroup: Path) -> Iterator[Finding]:
    told = dict(re.findall(r"^(\w+):\s*(\d+) kB$", _text(proc / "meminfo"), re.MULTILINE))
    if "MemTotal" not in told or "MemAvailable" not in told:
        return
    total, free = (1024 * int(told[name]) for name in ("MemTotal", "MemAvailable"))
    found = f"{size_in_words(free)} free of {size_in_words(total)}"
    limit, used = _limit_of_memory(cgroup)
    if limit is not None and limit < total:
        free = min(free, limit - used)
        found = f"{size_in_words(free)} free of the {size_in_words(limit)} that this container may use"
    if free < n_cores * _BYTES_A_WORKER:
        n_jobs = max(1, free // _BYTES_A_WORKER)
        remedy = f"A worker takes about {size_in_words(_BYTES_A_WORKER)}: run fewer, --n-jobs {n_jobs}."
        yield Finding("machine", "memory", found, "warning", remedy)
    else:
        yield Finding("machine", "memory", found)


def _limit_of_cores(cgroup: Path) -> float | None:
    """Processor time that a container gets, in cores; of versions 2 and 1 of Linux' control groups."""
    words = _text(cgroup / "cpu.max").split() or [
        _text(cgroup / "cpu/cpu.cfs_quota_us").strip(),
        _text(cgroup / "cpu/cpu.cfs_period_us").strip(),
    ]
    if len(words) == 2 and all(word.isdecimal() and int(word) for word in words):
        return int(words[0]) / int(words[1])
    return None


def _limit_of_memory(cgroup: Path) -> tuple[int | None, int]:
    """Bytes that a container may use, and those that it does."""
    for limit, used in (
        ("memory.max", "memory.current"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
    ):
        if (most := _text(cgroup / limit).strip()).isdecimal():
            now = _text(cgroup / used).strip()
            return int(most), int(now) if now.isdecimal() else 0
    return None, 0


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
