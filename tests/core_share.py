"""That the core of the tests stays the short part of them: `-m "not slow"` is for daily work.

Nobody who adds a test sees what the core has come to, so whole runs say it. Their share of the time is looked at, not
their seconds, which are the machine's.
"""

from __future__ import annotations

from collections import Counter

import pytest

MOST = 0.07
"""Of the time of all tests: two minutes of half an hour, on two cores."""


class CoreShare:
    """Adds up what tests took, and fails a run of all of them whose core was too large a part of it."""

    def __init__(self, config: pytest.Config) -> None:
        chosen = config.option.markexpr or config.option.keyword or config.option.deselect or config.option.ignore
        self._is_whole = config.args_source is pytest.Config.ArgsSource.TESTPATHS and not chosen
        self._all = 0.0
        self._core: Counter[str] = Counter()  # file -> seconds
        self.problem: str | None = None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._all += report.duration
        if "slow" not in report.keywords:
            self._core[report.nodeid.partition("::")[0]] += report.duration

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        share = self._core.total() / self._all if self._all else 0
        if self._is_whole and share > MOST:
            files = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in self._core.most_common(5))
            self.problem = (
                f"expected a core ('not slow') of at most {MOST:.0%} of the tests' time, received {share:.1%}. "
                f"Longest: {files}. See _SLOW in tests/conftest.py."
            )
            if session.exitstatus == pytest.ExitCode.OK:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.problem:
            terminalreporter.write_line(f"ERROR {self.problem}", red=True)
