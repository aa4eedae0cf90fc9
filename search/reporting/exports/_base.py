"""What an export format is: the choice of a study, written down."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

from search.errors import Problem, UsageError
from search.reporting.exports.chosen import Chosen, gather_chosen
from search.reporting.exports.writing import check_place, write_export
from search.selection import Ensemble
from search.storage import Storage


class Export(ABC):
    """A format in which the choice of a study is written down.

    Attributes:
        name: Its name in `--format`.
        help: What it writes, for `--help`; empty where the name says it.
        suffix: How the name of its file ends; None for text, which standard output takes as well.
        ending: How the name of its file ends in a folder of all formats; by default `suffix`, or its name.
    """

    name: ClassVar[str]
    help: ClassVar[str] = ""
    suffix: ClassVar[str | None] = None

    @property
    def ending(self) -> str:
        return self.suffix or f".{self.name}"

    def check(self, output: Path | None) -> None:
        """Refuse a place that the format is not written to, before any work is done for it.

        Raises:
            UsageError: It is no file whose name ends as it has to, or it cannot be written.
        """
        if self.suffix is not None:
            file = checked_file(output, self.suffix)
            if file.exists() and not file.is_file():
                raise UsageError(Problem("--output", f"expected an ordinary file, received {file}"))
        if output is not None:
            check_place(output)

    @abstractmethod
    def write(self, storage: Storage, study: str, output: Path | None, trial: int | None = None) -> None:
        """Write the choice of a study.

        Args:
            storage: An open database.
            study: The study's name.
            output: The file; None for standard output, where the format is text.
            trial: Another trial than the chosen one; None for that.

        Raises:
            UnknownStudyError: There is no such study.
            StudyFailedError: No trial of the study has a score.
            UsageError: The format does not suit the study, or cannot be written there.
        """

    def write_ensemble(self, storage: Storage, study: str, output: Path | None) -> Ensemble:
        """Write the mean of a study's finalists, trained once more; a format that holds a trained model can.

        Args:
            storage: An open database.
            study: The study's name.
            output: The file.

        Returns:
            The ensemble, with weights by the number of a trial.

        Raises:
            UnknownStudyError: There is no such study.
            StudyFailedError: A training failed.
            UsageError: The format cannot, the study has no verdict or no predictions, or the file cannot be written.
        """
        raise UsageError(Problem("--ensemble", f"expected --format keras, received --format {self.name}"))


class TextExport(Export):
    """A format that is text."""

    def write(self, storage: Storage, study: str, output: Path | None, trial: int | None = None) -> None:
        """Write the text to the file, or to standard output; arguments and errors as in `Export.write`."""
        folder = Path() if output is None else output.parent
        text = self.render_in(gather_chosen(storage, study, trial), folder)
        if output is None:
            sys.stdout.write(text)
            sys.stdout.flush()
        else:
            write_export(text, output)

    def render_in(self, chosen: Chosen, folder: Path) -> str:
        """The text of a file in a folder; a format that names other files tells them from there."""
        return self.render(chosen)

    @abstractmethod
    def render(self, chosen: Chosen) -> str:
        """The text, with a line break at its end.

        Raises:
            UsageError: The format does not suit the study.
        """


class FileExport(Export):
    """A format that takes a file of its own."""

    suffix: ClassVar[str]

    def write(self, storage: Storage, study: str, output: Path | None, trial: int | None = None) -> None:
        """Write the file; arguments and errors as in `Export.write`."""
        file = checked_file(output, self.suffix)
        # A format of a program that was written before there was `trial` takes none.
        self.write_file(storage, study, file, **({} if trial is None else {"trial": trial}))

    @abstractmethod
    def write_file(self, storage: Storage, study: str, path: Path, trial: int | None = None) -> None:
        """Write the file, whose name ends as it has to; arguments and errors as in `Export.write`."""


def checked_file(output: Path | None, suffix: str) -> Path:
    """The file, if there is one and its name ends as it has to.

    Raises:
        UsageError: There is none, or it ends otherwise.
    """
    if output is None or output.suffix != suffix:
        received = "none" if output is None else str(output)
        raise UsageError(Problem("--output", f"expected a path that ends in {suffix}, received {received}"))
    return output
