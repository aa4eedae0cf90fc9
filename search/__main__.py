"""The command `regsearch`, also as `python -m search`."""

from __future__ import annotations

import signal
import sys
from typing import NoReturn

from search.signals import Terminated, end_on_signals, exit_code, raise_on_signals


def main() -> NoReturn:
    """Run the command line; a signal has its exit code from the first moment, while the commands are imported."""
    raise_on_signals()
    try:
        from search.cli import main as run_command

        run_command()
    except KeyboardInterrupt:
        sys.exit(exit_code(signal.SIGINT))
    except Terminated as terminated:
        sys.exit(terminated.exit_code)
    finally:
        end_on_signals()


if __name__ == "__main__":
    main()
