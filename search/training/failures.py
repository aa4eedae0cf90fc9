"""What a failed run died of, for programs and in words."""

from __future__ import annotations

import math
import re
import traceback

from search.errors import DivergedError, RunFailedError
from search.records import FailureCause

_LONGEST = 200
"""Of a sentence on an error, in letters."""

_LONGEST_HEAD, _LONGEST_TAIL = 4_000, 12_000
"""Of a log, in letters: where the error came from, and what it said."""

_SECRETS = (
    (re.compile(r"(?<=://)[^/\s@'\"]*(?::[^\s@'\"]*)?@"), "***@"),
    (
        re.compile(
            r"(?i)\b([\w-]*(?:password|passwd|secret|token|(?:api|access|secret)_?key)[\"']?\s*[=:]\s*)[^\s,;&)}\]]+"
        ),
        r"\1***",
    ),
)
"""What may give access to something, in what others say: users and passwords of URLs, and values that are named so."""

_BESIDE_THE_POINT = re.compile(
    r"\{\{.*?\}\}|\[\[.*?\]\]|\[Op:[^\]]*\]|\bDetected at node .*|\b(?:Call a|A)rguments received by .*|"
    r"\(?Hint: .*|\bOriginal stack trace .*|\bname: *$",
    re.DOTALL,
)
"""Of TensorFlow's and Keras' messages: names of nodes, stacks, all arguments of a call."""

_BYTES = (
    re.compile(r"allocat\w*\s+(?P<size>[\d.]+)\s*(?P<unit>[KMGTPE]?i?B|bytes)", re.IGNORECASE),
    re.compile(r"(?P<size>[\d.]+)\s*(?P<unit>[KMGTPE]?i?B|bytes)\b", re.IGNORECASE),
)
_SHAPE = re.compile(r"shape\s*\[(?P<sizes>[\d,\s]+)\]\s*and type (?P<kind>\w+)")
_POWERS = {"k": 10, "m": 20, "g": 30, "t": 40, "p": 50, "e": 60}
_SIZES_OF_KINDS = {"half": 2, "bfloat16": 2, "float": 4, "double": 8, "int32": 4, "int64": 8, "bool": 1, "uint8": 1}


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out: Python's, NumPy's, or that which TensorFlow has of a processor."""
    import tensorflow as tf

    return isinstance(error, (MemoryError, tf.errors.ResourceExhaustedError))


def cause_of(error: Exception) -> FailureCause:
    """Why a run that raised this has no score."""
    return FailureCause.OUT_OF_MEMORY if is_out_of_memory(error) else FailureCause.RAISED


def error_in_one_line(error: Exception) -> str:
    """A sentence on an error: what was meant for people as it is, of others the type and what they say.

    Where memory ran out it tells how much was asked for, as far as that is said. What TensorFlow and Keras add on
    nodes, stacks and arguments is left out, and a long one is cut.
    """
    if isinstance(error, RunFailedError):
        return " ".join(without_secrets(str(error)).split())
    if is_out_of_memory(error):
        asked = _asked_bytes(str(error))
        return "out of memory" if asked is None else f"out of memory: {asked / 2**30:,.2f} GiB more were asked for"
    message, name = " ".join(_BESIDE_THE_POINT.sub(" ", without_secrets(str(error))).split()), type(error).__name__
    if len(message) > _LONGEST:
        message = f"{message[:_LONGEST].rsplit(' ', 1)[0]} ..."
    return f"{name}: {message}" if message else name


def log_of(error: Exception) -> str | None:
    """All that an error said and where it was raised, without secrets; of a long one beginning and end.

    None for a run that diverged, of which its sentence says all.
    """
    if isinstance(error, DivergedError):
        return None
    told = without_secrets("\n\n".join(_told_one_by_one(error)))
    left_out = len(told) - _LONGEST_HEAD - _LONGEST_TAIL
    if left_out <= 0:
        return told
    return f"{told[:_LONGEST_HEAD]}\n... {left_out:,} characters left out ...\n{told[-_LONGEST_TAIL:]}"


def _told_one_by_one(error: BaseException) -> list[str]:
    """An error and what it came of, the first one first; Keras hides that from Python's own way to tell."""
    told, known = list[str](), set[int]()
    each: BaseException | None = error
    while each is not None and id(each) not in known:
        known.add(id(each))
        told.append("".join(traceback.format_exception(each, chain=False)).rstrip())
        each = each.__cause__ or each.__context__
    return told[::-1]


def without_secrets(text: str) -> str:
    """The text with stars in the place of what may give access to something."""
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text


def _asked_bytes(message: str) -> float | None:
    """How much memory was asked for, where an error says so: in bytes, or by the shape of a tensor."""
    for pattern in _BYTES:
        if (found := pattern.search(message)) is not None:
            return float(found["size"]) * 2.0 ** _POWERS.get(found["unit"][0].lower(), 0)
    if (found := _SHAPE.search(message)) is not None:
        sizes = [int(size) for size in found["sizes"].split(",") if size.strip()]
        return float(math.prod(sizes) * _SIZES_OF_KINDS.get(found["kind"], 4))
    return None
