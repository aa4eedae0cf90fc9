"""The choice of a study as a study file: others run it, and see for themselves.

Such a study has two trials: the baseline, and the choice. Its splits and seeds are those of the study that it comes
from, so that both score what they scored there; it is confirmed on the same fresh divisions, and ends with a verdict of
its own. An ablation whose names are all switched on together walks just these two points, so that nothing is sampled.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from search.records import Setting, technique_of
from search.reporting.exports.chosen import Chosen
from search.spec import RESULT, Choices, Range, StudySpec, is_function, spec_from_json, spec_to_toml

_LONGEST_NAME = 100


def fixed_study_toml(chosen: Chosen, folder: Path) -> str:
    """The study file of a choice.

    Args:
        chosen: The choice.
        folder: Where the file is written: its paths are told from there.

    Returns:
        TOML. Its table [result] holds what is known of the choice, as the other formats tell it.
    """
    import tomlkit

    spec, missing = _moved(fixed_study(chosen), chosen, folder.resolve())
    head = [f"# {line}".rstrip() for line in _comment(chosen, missing)]
    result = tomlkit.dumps({RESULT: chosen.to_document()})
    return "\n".join([*head, "", spec_to_toml(spec).rstrip(), "", result])


def fixed_study(chosen: Chosen) -> StudySpec:
    """A study of the baseline and the choice; of the baseline alone where that is the choice."""
    original = spec_from_json(chosen.study.spec)
    space = _differences(chosen, original)
    suffix = f"-trial-{chosen.best.number}"
    study: dict[str, Any] = {
        "name": chosen.study.name[: _LONGEST_NAME - len(suffix)] + suffix,
        "n_trials": 2 if space else 1,
        "sampler": "ablation" if space else "random",
        "together": (tuple(space),) if len(space) > 1 else None,
        "pruner": "none",
        "window": None,
        "n_startup_trials": None,
    }
    confirm = original.confirm
    if chosen.verdict is not None and confirm.finalists and chosen.verdict.repeats > 1:
        # What it may spend depends on what the search spent, which was more.
        confirm = confirm.model_copy(update={"repeats": chosen.verdict.repeats})
    return original.model_copy(
        update={
            "study": original.study.model_copy(update=study),
            "space": space or original.space,
            "confirm": confirm,
        }
    )


def _differences(chosen: Chosen, original: StudySpec) -> dict[str, Range | Choices]:
    """What is on in the choice, and settings that are other than in the file, each with its one value."""
    space: dict[str, Range | Choices] = {}
    for name, value in chosen.best.configuration.items():
        if technique_of(name) is not None:
            space[name] = Choices(choices=(value,))
        elif (given := original.setting(name)) != value:
            space[name] = Choices(choices=_with_baseline(given, value))
    return space


def _with_baseline(given: Any, value: Setting) -> tuple[Any, ...]:
    """The values of a setting: the file's, which the baseline has, and the choice's."""
    return (value,) if given is None else (given, value)


def _moved(spec: StudySpec, chosen: Chosen, folder: Path) -> tuple[StudySpec, list[str]]:
    """The study with its paths told from another folder, and those of its files that are not to be found."""
    known = chosen.study.facts.folder
    missing: list[str] = []

    def move(named: Any) -> Any:
        if not isinstance(named, str):
            return named
        path, colon, function = named.rpartition(":") if is_function(named) else (named, "", "")
        if known is None or not (Path(known) / path).exists():
            missing.append(path)
            return named
        return path_from(folder, Path(known), path) + colon + function

    def move_function(named: Any) -> Any:
        return move(named) if isinstance(named, str) and is_function(named) else named

    callbacks = spec.training.callbacks
    tables: dict[str, dict[str, tuple[Any, Callable[[Any], Any]]]] = {
        "data": {"source": (spec.data.source, move_function), "path": (spec.data.path, move)},
        "model": {
            "builder": (spec.model.builder, move_function),
            "keras": (spec.model.keras, move),
            "custom": (spec.model.custom, move),
        },
        "training": {
            "loss": (spec.training.loss, move_function),
            "callbacks": (callbacks, lambda each: each and tuple(map(move_function, each))),
        },
        "objective": {"metric": (spec.objective.metric, move_function)},
    }
    updates = {
        table: getattr(spec, table).model_copy(update={key: change(value) for key, (value, change) in keys.items()})
        for table, keys in tables.items()
    }
    return spec.model_copy(update=updates), missing


def path_from(folder: Path, home: Path, named: str) -> str:
    """A path that was told from one folder, told from another; an absolute one stays."""
    if Path(named).is_absolute():
        return named
    path = (home / named).resolve()
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # on another drive
        return path.as_posix()


def _comment(chosen: Chosen, missing: list[str]) -> list[str]:
    name, number = chosen.study.name, chosen.best.number
    is_baseline = not _differences(chosen, spec_from_json(chosen.study.spec))
    lines = (
        [f'The baseline of the study "{name}", trial {number}, as a study file: `regsearch run FILE` scores it again.']
        if is_baseline
        else [
            f'Trial {number} of the study "{name}" as a study file: `regsearch run FILE` compares it with the baseline',
            "again, on the same splits and with the same seeds, and ends with a verdict of its own.",
        ]
    )
    lines.append(f"[{RESULT}] tells what {name} found; it is not read.")
    if missing:
        lines += ["", "Not to be found when this was written; put what the study was begun with beside this file:"]
        lines += [json.dumps(path) for path in missing]  # in one line, whatever stands in it
        lines.append("(`search.tune` keeps data and model only where it is given a directory.)")
    if chosen.spec.model.custom is not None:
        lines += ["", "Its own layers stand in the folder of this file or below: copy model.custom there."]
    return lines
