"""A study as optuna-dashboard's pages read it, made from what we store; only what is new is made anew.

The document has the form of optuna-dashboard 0.21 (`optuna_dashboard/_serializer.py`). It differs in what it says: the
objective has the metric's name, parameters are the configuration that was trained (`search.dashboard.parameters`),
attributes are short, study and trials have notes, and the study has our figures.
"""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any

from search.dashboard.drawing import Picture, draw_pictures
from search.dashboard.notes import Role, choice_in_words, note_on_study, note_on_trial, outcome_in_words, roles_of
from search.dashboard.parameters import Axis, make_axes, rounded
from search.records import TrialState, technique_of
from search.records.wording import describe_whole
from search.reporting.summaries import Best, summarize_best
from search.storage.display import NOTE_VERSION, is_note_ours, read_note

if TYPE_CHECKING:
    from search.records import Coordinator, StudyRecord, Trial
    from search.storage import ObservedTrial, Storage

MOST_VALUES = 50_000
"""Intermediate values of all trials together: beyond that each trial has fewer, but the six that tell most."""

MOST_CURVES = 250
"""Trials whose intermediate values a page draws, a line each: with more of them a browser stands still."""

PATIENCE = 200
"""How long a page of a study that runs stays as it is, in lengths of the time that it took; and so what is drawn, and
what is weighed."""

_MOST_WORDY_TRIALS = 1_000
"""Of a study whose trials tell each of their runs, and numbers with all their digits."""

_ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False, check_circular=False)

_TRIAL_NOTE = re.compile(r"dashboard:(\d+):note_(?:ver|str:(\d+))")


@dataclass(frozen=True)
class StudyPage:
    """One state of a study.

    Args:
        state: As the storage tells it.
        head: The document's members but `trials`, without its closing brace.
        trials: A JSON text each.
        records: The trials that these tell of.
        study: The study.
    """

    state: str
    head: bytes
    trials: Sequence[bytes]
    records: Sequence[Trial]
    study: StudyRecord

    def after(self, number: int) -> bytes:
        """The document with the trials from a number on."""
        return b"".join((self.head, b',"trials":[', b",".join(self.trials[number:]), b"]}"))


@dataclass(frozen=True)
class _TrialText:
    """A trial's JSON, but for what may change after it has ended: its role, and a user's note.

    Args:
        key: Optuna's key of it in the database.
        text: The JSON of a trial without a role, and with a note of ours.
        start_of_attributes: Where in it its attributes begin, and a role is put.
        end_of_attributes: Where they end.
        note: Ours.
        is_final: Whether it has ended.
    """

    key: int
    text: bytes
    start_of_attributes: int
    end_of_attributes: int
    note: str
    is_final: bool

    @property
    def has_attributes(self) -> bool:
        return self.start_of_attributes < self.end_of_attributes

    def finished(self, role: Role | None, note: Mapping[str, Any] | None) -> bytes:
        if role is None and note is None:
            return self.text
        told, own = b"", self.note
        if role is not None:
            # In front of the others: a table shows the first ones without being moved.
            told = _json({"key": "role", "value": role.label}) + (b"," if self.has_attributes else b"")
            if role.sentence:
                configuration, blank, others = own.partition("\n\n")
                own = f"{configuration}\n\n{role.sentence}{blank}{others}"
        shown = note if note is not None and note["body"] else {**(note or _own_note("")), "body": own}
        attributes, end = self.text[self.start_of_attributes : self.end_of_attributes], b'],"note":'
        return b"".join((self.text[: self.start_of_attributes], told, attributes, end, _json(shown), b"}"))


class FollowedStudy:
    """A study whose page is made whenever it has changed, from what is new.

    Args:
        storage: An open database.
        name: The study.
    """

    def __init__(self, storage: Storage, name: str) -> None:
        self._storage = storage
        self._name = name
        self._texts: list[_TrialText] = []
        self._trials: list[Trial] = []
        self._space: Any = None
        self._axes: list[Axis] = []
        self._attributes: dict[str, bool] = {}
        self._has_values = False
        self._pictures: list[Picture] = []
        self._pictures_due = -math.inf
        self.seconds = 0.0
        """Processor time that the latest page took, but for its figures."""

    def make_page(self, state: str, holder: Coordinator | None) -> StudyPage:
        """The page of the study as it is now.

        Args:
            state: What the storage told of its state before.
            holder: Who coordinates the study, if anybody does.

        Raises:
            UnknownStudyError: It was deleted.
            StorageError: The database failed.
        """
        begun, storage = time.thread_time(), self._storage
        study = storage.study(self._name)
        self._read_trials(study)
        found = summarize_best(storage, study.name, self._trials)
        drawing_seconds = self._draw(study, is_running=holder is not None)
        known = storage.system_attributes(study.study_id)
        progress = storage.progress(study.study_id)
        words = [picture.words for picture in self._pictures]
        body = note_on_study(found, progress, holder, words, self._hints(study))
        head = self._head(found, known, body if is_note_ours(known) else read_note(known))
        roles, notes = roles_of(found.choice, study.metric), _notes(known)
        trials = [text.finished(roles.get(number), notes.get(text.key)) for number, text in enumerate(self._texts)]
        best = [] if found.choice.best is None else [json.loads(trials[found.choice.best.number])]
        page = StudyPage(state, _json({**head, "best_trials": best})[:-1], trials, tuple(self._trials), study)
        self.seconds = time.thread_time() - begun - drawing_seconds
        return page

    def _read_trials(self, study: StudyRecord) -> None:
        """Take up what is new: from the first trial on that had not ended."""
        since = next((number for number, text in enumerate(self._texts) if not text.is_final), len(self._texts))
        if study.spec["space"] != self._space:  # a range became wider: it stands with every trial
            self._space, self._axes, since = study.spec["space"], [], 0
        most = max(6, MOST_VALUES // max(1, study.n_trials))
        observed = self._storage.observe(study.study_id, since, most)
        if not self._axes:
            self._axes = make_axes(
                study, next((each.trial.parameters for each in observed if each.trial.parameters), ())
            )
        brief = study.n_trials > _MOST_WORDY_TRIALS
        self._trials[since:] = [each.trial for each in observed]
        self._texts[since:] = [self._text(each, study, brief=brief) for each in observed]

    def _text(self, observed: ObservedTrial, study: StudyRecord, *, brief: bool) -> _TrialText:
        trial = observed.trial
        sampled = {parameter.name: parameter for parameter in trial.parameters}
        attributes = _attributes(observed, study, brief=brief)
        for name, value in attributes.items():
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            self._attributes[name] = is_number and self._attributes.get(name, True)
        self._has_values |= bool(observed.intermediate) and trial.state is not TrialState.FAIL
        document: dict[str, Any] = {
            "trial_id": observed.key,
            "study_id": study.study_id,
            "number": trial.number,
            "state": trial.state.value.capitalize(),
            "params": [axis.show(trial.configuration, sampled.get(axis.name), brief=brief) for axis in self._axes],
            "fixed_params": [],
            "artifacts": [],
            "constraints": [],
            "intermediate_values": [
                {"step": step, "value": _number(rounded(value) if brief else value)}
                for step, value in observed.intermediate
            ],
        }
        if observed.value is not None:
            document["values"] = [_number(observed.value)]
        if trial.started is not None:
            document["datetime_start"] = trial.started.isoformat()
        if trial.completed is not None:
            document["datetime_complete"] = trial.completed.isoformat()
        listed = [{"key": name, "value": _attribute(value)} for name, value in attributes.items()]
        note = note_on_trial(observed, study, brief=brief)
        head, told = _json(document)[:-1] + b',"user_attrs":[', _json(listed)[1:-1]
        text = b"".join((head, told, b'],"note":', _json(_own_note(note)), b"}"))
        return _TrialText(observed.key, text, len(head), len(head) + len(told), note, trial.state.is_final)

    def _draw(self, study: StudyRecord, *, is_running: bool) -> float:
        """Draw the figures anew, unless that would take more of a running study's time than it may.

        Returns:
            The processor time that it took.
        """
        if is_running and time.monotonic() < self._pictures_due:
            return 0.0
        is_first, begun = self._pictures_due == -math.inf, time.thread_time()
        self._pictures = draw_pictures(self._storage, study, self._trials)
        seconds = time.thread_time() - begun
        # The first time is not like the others: what draws is imported.
        self._pictures_due = time.monotonic() + (0.0 if is_first else PATIENCE * seconds)
        return seconds

    def _head(self, found: Best, known: Mapping[str, Any], note: str) -> dict[str, Any]:
        from optuna_dashboard._custom_plot_data import get_plotly_graph_objects
        from optuna_dashboard._form_widget import get_form_widgets_json

        study, best, chosen = found.study, found.choice.best, choice_in_words(found.choice)
        space = {axis.name: {"name": axis.name, "distribution": axis.distribution} for axis in self._axes}
        # Pages begin their parallel coordinates with these names and leave out trials that have no number for one: by
        # those that every trial has on, which are few, or by all of them, the best trial would not be seen.
        begun = [
            axis.name for axis in self._axes if best is not None and (axis.choices or axis.name in best.configuration)
        ]
        own = [{"id": each.name, "graph_object": each.drawn} for each in self._pictures]
        theirs = [{"id": name, "graph_object": drawn} for name, drawn in get_plotly_graph_objects(known).items()]
        head: dict[str, Any] = {
            "name": study.name,
            "directions": [study.direction],
            "user_attrs": [
                *([] if chosen is None else [{"key": "chosen", "value": chosen}]),
                *attributes_of_study(study),
            ],
            "artifacts": [],
            "intersection_search_space": [space[name] for name in begun],
            "union_search_space": list(space.values()),
            "union_user_attrs": [
                {"key": name, "sortable": sortable} for name, sortable in {"role": False, **self._attributes}.items()
            ],
            "has_intermediate_values": self._has_values and len(self._texts) <= MOST_CURVES,
            "note": {"version": known.get(NOTE_VERSION, 0), "body": note},
            "is_preferential": False,
            "objective_names": [study.metric],
            "feedback_component_type": {"output_type": "note"},
            "plotly_graph_objects": [*own, *theirs],
        }
        widgets = get_form_widgets_json(known)
        return {**head, "form_widgets": widgets} if widgets else head

    def _hints(self, study: StudyRecord) -> list[str]:
        hints = []
        if any(axis.choices is None and technique_of(axis.name) for axis in self._axes):
            hints.append(
                "Graphs over a parameter leave out the trials in which it is off; parallel coordinates begin with the "
                "parameters that are on in the best trial."
            )
        if self._has_values and len(self._texts) > MOST_CURVES:
            hints.append(
                f"Intermediate values of more than {MOST_CURVES} trials are not drawn; each trial's page lists its own."
            )
        return hints


def attributes_of_study(study: StudyRecord) -> list[dict[str, str]]:
    """What a page lists of a study beside its note, in the form of optuna-dashboard."""
    spec, rows = study.spec, study.facts.rows
    used = {"train": rows.train, "stop": rows.stop, "score": rows.validation, "sealed": rows.test}
    asked = spec["study"]
    told = {
        "metric": f"{study.metric}, {'low' if study.direction == 'minimize' else 'high'} is good",
        "trials": f"{study.n_trials:,}",
        "data": f"{spec['data']['source']}, SHA-256 {study.data_sha256[:16]}",
        "rows": ", ".join(f"{count:,} {use}" for use, count in used.items() if count),
        "search": f"sampler {asked.get('sampler')}, pruner {asked.get('pruner', 'none')}, seed {asked.get('seed')}",
        "begun": f"{study.created:%Y-%m-%d %H:%M} UTC",
    }
    return [{"key": key, "value": value} for key, value in told.items()]


def _attributes(observed: ObservedTrial, study: StudyRecord, *, brief: bool) -> dict[str, Any]:
    """What a table lists of a trial, in short; what other programs noted stays."""
    trial, runs = observed.trial, [run for run in observed.runs if run.error is None]
    told: dict[str, Any] = {} if brief else {"configuration": describe_whole(trial.configuration, study)}
    told["runs"] = len(observed.runs)
    if runs:
        epochs = round(fmean(run.epochs_trained for run in runs), 1)
        told["epochs trained"] = int(epochs) if epochs.is_integer() else epochs
    if trial.state in (TrialState.PRUNED, TrialState.FAIL):
        told["why it ended"] = outcome_in_words(observed, study)
    return {**told, **(observed.attributes or {})}


def _notes(known: Mapping[str, Any]) -> dict[int, dict[str, Any]]:
    """Key of a trial to the note that somebody wrote on it, in one walk over what is kept with the study."""
    versions: dict[int, int] = {}
    pieces: dict[int, dict[int, str]] = {}
    for name, value in known.items():
        found = _TRIAL_NOTE.fullmatch(name)
        if found is None:
            continue
        key = int(found[1])
        if found[2] is None:
            versions[key] = int(value)
        else:
            pieces.setdefault(key, {})[int(found[2])] = str(value)
    return {
        key: {"version": version, "body": "".join(piece for _, piece in sorted(pieces.get(key, {}).items()))}
        for key, version in versions.items()
    }


def _own_note(body: str) -> dict[str, Any]:
    return {"version": 0, "body": body}


def _number(value: float) -> float | str:
    """A number as optuna-dashboard writes it: JSON has none that are not finite."""
    if math.isfinite(value):
        return value
    return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"


def _attribute(value: Any) -> str:
    return value if isinstance(value, str) else str(value) if isinstance(value, int | float) else json.dumps(value)


def _json(value: Any) -> bytes:
    return _ENCODER.encode(value).encode()
