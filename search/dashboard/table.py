"""The trials of a page as a table for other programs, in the columns of optuna-dashboard's own."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence


def trials_csv(document: bytes, numbers: Sequence[int] = ()) -> str:
    """A row a trial: number, state, score, parameters as they were trained, attributes.

    Args:
        document: A study as `StudyPage.after` gives it.
        numbers: Of the trials that are asked for; empty for all.
    """
    study = json.loads(document)
    trials = [trial for trial in study["trials"] if not numbers or trial["number"] in numbers]
    names = [each["name"] for each in study["union_search_space"]]
    attributes = [each["key"] for each in study["union_user_attrs"]]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    headers = [*(f"Param {name}" for name in names), *(f"UserAttribute {name}" for name in attributes)]
    writer.writerow(["Number", "State", *study["objective_names"], *headers])
    for trial in trials:
        values = {each["name"]: each["param_external_value"] for each in trial["params"]}
        told = {each["key"]: each["value"] for each in trial["user_attrs"]}
        score = trial.get("values", [None])[0]
        row = [trial["number"], trial["state"].upper(), score]
        writer.writerow([*row, *(values.get(name) for name in names), *(told.get(name) for name in attributes)])
    return text.getvalue()
