"""Values in words, for everybody who shows them: tables, lines and a `repr`."""

from __future__ import annotations

from collections.abc import Mapping

from search.records.facts import StudyFacts
from search.records.study import Direction, StudyRecord
from search.records.verdict import Difference, Verdict


def show_value(value: object) -> str:
    """A value as people read it: four significant digits, a dash for nothing."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, tuple | list):
        return "[" + ", ".join(show_value(each) for each in value) + "]"
    return str(value)


def describe_configuration(configuration: Mapping[str, object], facts: StudyFacts) -> str:
    """A configuration in one line: `dropout 0.31, l2 0.00012`; with everything off the model may bring some of its own.

    Args:
        configuration: Names to values; what is off is absent.
        facts: Of the study.
    """
    nothing = "the model as given" if facts.own_regularization else "everything off"
    return ", ".join(f"{name} {show_value(value)}" for name, value in configuration.items()) or nothing


def describe_seconds(seconds: float) -> str:
    """A time span: `1:05`, `2:00:00`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def better(direction: Direction, *, worse: bool = False) -> str:
    """The word for a better score, or for a worse one."""
    return "lower" if (direction == "minimize") is not worse else "higher"


def verdict_lines(verdict: Verdict, study: StudyRecord, n_trials: int) -> list[str]:
    """A verdict in a few sentences, the first of which is for people who read no further.

    Args:
        verdict: On the study.
        study: Its record.
        n_trials: Trials that ended.
    """
    lines = [_answer_in_words(verdict, study)]
    fresh = "fresh divisions of the rows with fresh seeds" if verdict.scores_other_rows else "fresh seeds"
    times = f"{verdict.repeats} {fresh}"
    searched, confirmed = verdict.finalist(verdict.candidate), verdict.optimism
    if searched is not None and confirmed > 0:
        lines.append(
            f"In the search trial {verdict.candidate} scored {show_value(confirmed)} {better(study.direction)} than on "
            f"{times}: that much was the luck of the best of {n_trials}."
        )
    elif searched is not None:
        lines.append(f"Trial {verdict.candidate} scored no worse than in the search on {times}.")
    if not verdict.scores_other_rows:
        lines.append("The same rows scored each time: how far they are like others, nothing here tells.")
    return lines


def _answer_in_words(verdict: Verdict, study: StudyRecord) -> str:
    metric, against, difference = study.metric, verdict.against_constant, verdict.difference
    if verdict.answer == "nothing to learn" and against is not None:
        return (
            f"Nothing to learn: {_than(against, study, metric)} than a guess that is the same for every row, "
            f"{_interval(against, verdict)}."
        )
    if verdict.answer == "helps":
        expected = f"expect {_than(difference, study, metric)} than with {study.facts.baseline_in_words}"
        return f"Regularization helps: {expected}, {_interval(difference, verdict)}."
    return (
        f"No gain: the best that was found has {_than(difference, study, metric)} than "
        f"{study.facts.baseline_in_words}, {_interval(difference, verdict)}, so the choice is the baseline."
    )


def _than(difference: Difference, study: StudyRecord, metric: str) -> str:
    word = better(study.direction, worse=difference.mean < 0)
    return f"a {metric} that is {show_value(abs(difference.mean))} {word}"


def _interval(difference: Difference, verdict: Verdict) -> str:
    if difference.low is None or difference.high is None:
        return "of which nobody can tell how sure it is"
    ends = f"{show_value(difference.low)} to {show_value(difference.high)}"
    return f"{verdict.level:.0%} interval of the gain {ends}"
