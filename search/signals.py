"""Signals as exceptions, so that whatever is open is closed on the way out, and an end to a way out that takes long.

It stands on the ground floor and imports the standard library alone: a command begins with it, and a signal counts from
then on, while the rest is still being imported.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from sys import UnraisableHookArgs
    from types import FrameType

WAY_OUT_SECONDS = 25.0
"""How long a process may take to end after its first signal: who sent that waits for 30 s, as many supervisors do."""

_ONE_WISH_SECONDS = 1.0  # a terminal sends Ctrl-C to a whole group, and a launcher in it may pass it on once more
_AGAIN_SECONDS = 0.02
_AGAIN = 0x80

_HEARD = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


class Terminated(BaseException):
    """SIGTERM or SIGHUP came.

    Args:
        number: Which signal.
    """

    def __init__(self, number: int = signal.SIGTERM) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number
        self.exit_code = exit_code(number)


class _Interrupted(KeyboardInterrupt):
    """SIGINT came."""

    number = signal.SIGINT


def exit_code(number: int) -> int:
    """What a shell calls the end by a signal: 130 for SIGINT, 143 for SIGTERM, 129 for SIGHUP."""
    return 128 + number


def raise_on_signals() -> None:
    """Turn the first SIGTERM or SIGHUP into `Terminated`, and the first SIGINT into `KeyboardInterrupt`.

    From then on there are 25 s for the way out. When they are over, or a second signal comes, the process ends where it
    stands, and so do those that it started: what is stored is safe at any moment. A signal that is ignored, as SIGHUP
    under `nohup`, stays so.
    """
    if _WATCH.is_begun:
        return
    _WATCH.begin()
    sys.unraisablehook = _raise_again
    for number in _HEARD:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _raise_once)


def end_on_signals() -> None:
    """Have signals end the process at once, for one that has done its work: nobody would hear an exception."""
    _WATCH.is_work_done = True
    _ignore()


def was_signalled() -> bool:
    """Whether the process is on its way out because of a signal."""
    return _WATCH.has_heard


class _Watch:
    """A thread that reads what signals came from a pipe, and ends the process where that is due.

    Python writes the pipe whatever the main thread does; what that thread is to run waits until it comes back from a
    database that is locked, say.
    """

    def __init__(self) -> None:
        self.is_begun = False
        self.is_work_done = False
        self.has_heard = False
        self._pipe = (-1, -1)
        self._first: tuple[int, float] | None = None
        self._n_repeated = 0

    def begin(self) -> None:
        """Listen, until the process ends."""
        self.is_begun = True
        self._pipe = os.pipe()
        os.set_blocking(self._pipe[1], False)
        signal.set_wakeup_fd(self._pipe[1], warn_on_full_buffer=False)
        threading.Thread(target=self._listen, name="signals", daemon=True).start()

    def repeat(self, number: int) -> None:
        """Have a signal come to the main thread once more, in a moment."""
        os.write(self._pipe[1], bytes([_AGAIN | number]))

    def _listen(self) -> None:
        # Signals come to the main thread, which may have one wait: see `fork_server.sigint_blocked`.
        signal.pthread_sigmask(signal.SIG_BLOCK, _HEARD)
        main = threading.main_thread().ident
        while True:
            if self._first is not None:
                number, at = self._first
                seconds = at + WAY_OUT_SECONDS - time.monotonic()
                if seconds <= 0 or not select.select([self._pipe[0]], [], [], seconds)[0]:
                    end_now(exit_code(number))
            for byte in os.read(self._pipe[0], 1):
                if byte & _AGAIN and main is not None:
                    time.sleep(_AGAIN_SECONDS)
                    self._n_repeated += 1
                    signal.pthread_kill(main, byte & ~_AGAIN)
                elif byte in _HEARD:
                    self._take(byte)

    def _take(self, number: int) -> None:
        if self._n_repeated:
            self._n_repeated -= 1
        elif self.is_work_done:
            end_now(exit_code(number))
        elif self._first is None:
            self._first = (number, time.monotonic())
        elif time.monotonic() - self._first[1] > _ONE_WISH_SECONDS:
            end_now(exit_code(self._first[0]))


_WATCH = _Watch()


def end_now(code: int) -> NoReturn:
    """End this process and all that it started, without closing anything.

    Args:
        code: The exit code.
    """
    # A worker that was stopped does not notice that its parent is gone. Whoever started workers has psutil.
    if (psutil := sys.modules.get("psutil")) is not None:
        with contextlib.suppress(psutil.Error):
            for child in psutil.Process().children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    child.kill()
    os._exit(code)


def _raise_once(number: int, frame: FrameType | None) -> NoReturn:
    _WATCH.has_heard = True
    if (logging := sys.modules.get("logging")) is not None:  # threads of libraries log what is cut off under them
        logging.disable(logging.CRITICAL)
    _ignore()
    _raise(number, frame)


def _raise(number: int, frame: FrameType | None) -> NoReturn:
    raise _Interrupted if number == signal.SIGINT else Terminated(number)


def _raise_again(lost: UnraisableHookArgs) -> None:
    """Raise once more what came while Python was in a place that lets no exception out: a finalizer, the callback of a
    weak reference.
    """
    error = lost.exc_value
    if not isinstance(error, (_Interrupted, Terminated)):
        sys.__unraisablehook__(lost)
    elif not _WATCH.is_work_done:
        signal.signal(error.number, _raise_once)
        _WATCH.repeat(error.number)


def _ignore() -> None:
    """Have the main thread hear nothing any more; the watch does."""
    for number in _HEARD:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda *_: None)
