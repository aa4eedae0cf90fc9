"""Imported by the process that workers are forked from: none of them outlives it.

Whoever asked for a worker takes it for dead when that process dies, and starts another one of its name, which nobody
lets in while the first one lives. It stands on the ground floor, beside `search.fork_server`.
"""

from __future__ import annotations

import ctypes
import os
import signal

_PR_SET_PDEATHSIG = 1
"""Of prctl(2), on Linux: which signal a process gets when its parent ends."""

_PRCTL = ctypes.CDLL(None).prctl
_SERVERS = [os.getpid()]
"""This process; empty in those that are forked from it, whose own children are no concern of this one."""


def _end_with_server() -> None:
    if _SERVERS:
        server = _SERVERS.pop()
        _PRCTL(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != server:  # it ended just before
            os._exit(1)


os.register_at_fork(after_in_child=_end_with_server)
