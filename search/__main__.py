"""The command `regsearch`, also as `python -m search`."""

from __future__ import annotations

import contextlib
import gc
import signal
import sys
from typing import NoReturn

from search.signals import Terminated, end_now, end_on_signals, exit_code, raise_on_signals, was_signalled


def main() -> NoReturn:
    """Run the command line; a signal has its exit code from the first moment, while the commands are imported."""
    raise_on_signals()
    gc.set_threshold(100_000, 20, 10)  # what is imported stays: to look through it for garbage took a sixth of `check`
    try:
        from search.cli import main as run_command

        run_command()
    except KeyboardInterrupt:
        _end(exit_code(signal.SIGINT))
    except Terminated as terminated:
        _end(terminated.exit_code)
    except SystemExit as ended:
        if was_signalled() and isinstance(ended.code, int):
            _end(ended.code)
        raise
    finally:
        end_on_signals()
        gc.freeze()  # else Python looks through all of it before it ends, for as long again


def _end(code: int) -> NoReturn:
    """End after a signal: what libraries would still do at the end, they may do on things that are half made."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    end_now(code)


if __name__ == "__main__":
    main()
