"""The model itself, trained on all rows that are not sealed, as a `.keras` file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from search.reporting.exports._base import FileExport, checked_file
from search.reporting.exports.writing import staged
from search.selection import Ensemble
from search.storage import Storage

if TYPE_CHECKING:
    from search.followup.refit import Refitted


class KerasExport(FileExport):
    """The choice as a Keras model; other than the rest of the formats it trains."""

    name = "keras"
    help = "the model, trained once more on all rows that are not sealed"
    suffix = ".keras"

    def write_file(self, storage: Storage, study: str, path: Path, trial: int | None = None) -> None:
        """Train the model and save it.

        Raises:
            UnknownStudyError: There is no such study.
            StudyFailedError: No trial of the study has a score, or this training failed.
            UsageError: The data is not what it was, or the file cannot be written there.
        """
        from search.followup.refit import refit_study

        write_model(refit_study(storage, study, trial), path)

    def write_ensemble(self, storage: Storage, study: str, output: Path | None) -> Ensemble:
        """Train the finalists that make the best mean, and save that; arguments and errors as in `Export`."""
        from search.followup.ensemble import refit_ensemble

        path = checked_file(output, self.suffix)
        refitted, ensemble = refit_ensemble(storage, study)
        write_model(refitted, path)
        return ensemble


def write_model(refitted: Refitted, path: Path) -> None:
    """Save a model with its card as a `.keras` file, whole or not at all.

    Args:
        refitted: What a study led to.
        path: A file whose name ends in `.keras`, which Keras wants.

    Raises:
        UsageError: The file cannot be written there.
    """
    with staged(path) as written:
        refitted.model.save(written)
        refitted.card.write(written)
