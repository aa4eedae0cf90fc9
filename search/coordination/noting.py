"""The note on a study that Optuna's own dashboard shows, where ours, which makes its notes itself, does not run."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from search.errors import StorageError
from search.records import StudyRecord, Trial
from search.records.wording import question_in_words, verdict_lines
from search.selection import choose_stored
from search.storage import Storage


@contextlib.contextmanager
def noted_session(storage: Storage, record: StudyRecord, trials: Sequence[Trial]) -> Iterator[None]:
    """Note that a session runs, for the length of a `with` block, and at its end what it came to.

    Args:
        storage: An open database.
        record: The study's record.
        trials: Its trials so far.
    """
    keep_note(storage, record, trials, is_running=True)
    try:
        yield
    except StorageError:
        raise  # nothing can be written, or must be any more
    except BaseException:
        if storage.patience is not None and storage.patience.is_tried:
            raise  # the database is away
        with contextlib.suppress(StorageError), storage.at_once():
            keep_note(storage, record, storage.trials(record.study_id, parameters=False))
        raise
    keep_note(storage, record, storage.trials(record.study_id, parameters=False))


def keep_note(storage: Storage, record: StudyRecord, trials: Sequence[Trial], *, is_running: bool = False) -> None:
    """Write what a study asks and what it came to, unless somebody else has written a note on it.

    Args:
        storage: An open database.
        record: The study's record.
        trials: All its trials.
        is_running: Whether a session begins.
    """
    storage.show_metric(record.study_id, record.metric)
    lines = [f"**{question_in_words(record)}**", *_lines(storage, record, trials, is_running=is_running)]
    lines.append(
        f"`regsearch best {record.name}` tells more; `regsearch dashboard` draws it, and has a note on each trial."
    )
    storage.show_note(record.study_id, "\n\n".join(lines))


def _lines(storage: Storage, record: StudyRecord, trials: Sequence[Trial], *, is_running: bool) -> list[str]:
    choice = choose_stored(storage, record, trials)
    if choice.verdict is not None:
        configurations = {trial.number: trial.configuration for trial in trials}
        return verdict_lines(choice.verdict, record, choice.verdict.n_trials, configurations)
    n_ended = sum(trial.state.is_final for trial in trials)
    told = f"{n_ended:,} of {record.n_trials:,} trials had ended"
    if is_running:
        return [f"A session runs; {told} when it began."]
    if n_ended < record.n_trials:
        return [f"It stopped when {told}. `regsearch run` goes on with {record.name}."]
    return [f"{told[0].upper()}{told[1:]}; nothing is confirmed."]
