"""Compiled programs outlive the process: they are kept in the user's cache folder, and found there by the next one.

XLA keeps what it compiles wherever TensorFlow 2.21 is told to, and finds it there by what it computes; but when it
cannot write there, or read, a run fails. So it is told a folder in memory, and what is in it comes from the disk and
goes there by our own hands, which may fail without anybody noticing.

What is kept depends on the processor, XLA's flags and the versions too: each of these has a folder of its own.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import zlib
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from pathlib import Path

from search.training.user_cache import cache_base, keep_file, own_folder

MOST_BYTES = 256 * 2**20
"""Of all programs together; a small one has a quarter of a megabyte."""

_FLAG = "--tf_xla_persistent_cache_directory="
_IN_MEMORY = "ram://regsearch/programs"
_ENDING = ".program"
_N_DIGEST = 32


def cache_flags(given: str) -> str:
    """Flags for TensorFlow by which XLA keeps programs in memory, after what the user gave, who may say otherwise.

    It reads them once, when it is first used. With programs that it finds again it logs errors that are none, so that
    they are for processes whose log is silent.
    """
    if _FLAG.strip("-=") in given or not cache_base():
        return given
    return f"{given} {_FLAG}{_IN_MEMORY}".strip()


def is_kept_in_memory(flags: str) -> bool:
    """Whether such flags have XLA keep programs where we look for them."""
    return f"{_FLAG}{_IN_MEMORY}" in flags


@contextlib.contextmanager
def kept_programs(key: str, flags: str, features: Iterable[str]) -> Iterator[None]:
    """Let XLA find what was compiled under a key, and keep what it compiles inside; for a process with `cache_flags`.

    Args:
        key: Tells those programs apart that a process may compile.
        flags: XLA's own flags, on which a program depends.
        features: What the processor can.
    """
    if (folder := _folder(flags, features)) is None:
        yield
        return
    digest = hashlib.sha256(key.encode()).hexdigest()[:32]
    known = _load(folder, digest)
    try:
        yield
    finally:
        for name, program in _taken_from_memory():
            if name not in known:
                keep_file(
                    folder / f"{digest}.{name}{_ENDING}", hashlib.sha256(program).digest() + zlib.compress(program, 1)
                )


def forget_memory() -> None:
    """Let go of what else was compiled, such as the steps of Keras' own `fit`: no other process would find it."""
    for _ in _taken_from_memory():
        pass


def _load(folder: Path, digest: str) -> set[str]:
    """Put what is on the disk where XLA looks; the names of what was whole."""
    import tensorflow as tf

    known = set()
    for path in folder.glob(f"{digest}.*{_ENDING}"):
        with contextlib.suppress(OSError, zlib.error):
            kept = path.read_bytes()
            program = zlib.decompress(kept[_N_DIGEST:])
            if hashlib.sha256(program).digest() != kept[:_N_DIGEST]:
                continue
            name = path.name.removeprefix(f"{digest}.").removesuffix(_ENDING)
            tf.io.gfile.makedirs(_IN_MEMORY)
            with tf.io.gfile.GFile(f"{_IN_MEMORY}/{name}", "wb") as file:
                file.write(program)
            known.add(name)
            os.utime(path)  # it was used
    return known


def _taken_from_memory() -> Iterator[tuple[str, bytes]]:
    import tensorflow as tf

    if not tf.io.gfile.exists(_IN_MEMORY):
        return
    for name in tf.io.gfile.listdir(_IN_MEMORY):
        with tf.io.gfile.GFile(f"{_IN_MEMORY}/{name}", "rb") as file:
            program = file.read()
        tf.io.gfile.remove(f"{_IN_MEMORY}/{name}")
        yield name, program


def _folder(flags: str, features: Iterable[str]) -> Path | None:
    """Where programs for this processor and these flags are; None where no folder is the user's own."""
    told = (version("tensorflow"), version("keras"), platform.machine(), platform.processor(), flags, *sorted(features))
    name = hashlib.sha256("\n".join(told).encode()).hexdigest()[:16]
    return own_folder("programs", name, _ENDING, MOST_BYTES)
