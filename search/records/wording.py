"""Values in words, for everybody who shows them: tables, lines and a `repr`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath

from search.records.ablation import Ablation, Removal
from search.records.configuration import Configuration, technique_of
from search.records.facts import StudyFacts
from search.records.study import Direction, StudyRecord
from search.records.trial import BASELINE_TRIAL, Trial
from search.records.verdict import CERTAIN_ERRORS, Difference, Verdict

EQUAL_ROWS = "Equal in features and target"
"""What a note begins with that tells of rows on both sides of a division."""


_SAID_OF = {"patience": "early stopping"}
"""What a technique does, where its name is that of its number: without any patience nothing stops early."""


_NOTHING_TO_PICK = 2
"""Trials of a study that has one configuration beside its baseline, as an exported one."""


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


def best_in_words(best: Trial, baseline: Trial | None, metric: str, direction: Direction) -> str:
    """The best score so far against the baseline's: `log_loss 0.31, trial 7: 0.2 lower than the baseline (0.51)`."""
    told = f"{metric} {show_value(best.score)}, trial {best.number}"
    if best.number == BASELINE_TRIAL:
        return f"{told}: the baseline, which nothing beats so far"
    if best.score is None or baseline is None or baseline.score is None:
        return told
    gain = abs(best.score - baseline.score)
    return f"{told}: {show_value(gain)} {better(direction)} than the baseline ({show_value(baseline.score)})"


def describe_whole(configuration: Mapping[str, object], study: StudyRecord) -> str:
    """A configuration in one line that names what is off, too: `dropout 0.31, l2 0.00012, early stopping off`."""
    on = [f"{name} {show_value(value)}" for name, value in configuration.items()]
    absent = [name for name in study.spec["space"] if name not in configuration]
    return ", ".join([*on, *(absent_in_words(name, study.facts) for name in absent)])


def absent_in_words(name: str, facts: StudyFacts) -> str:
    """What a configuration without a name of [space] is: `l2 off`, `early stopping off`, `dense.units as given`."""
    return f"{_SAID_OF.get(name, name)} {facts.absent_in_words(name)}"


def question_in_words(study: StudyRecord) -> str:
    """What a study asks."""
    return f"Does regularization help on {data_in_words(study.spec['data'])}, against {study.facts.baseline_in_words}?"


def data_in_words(data: Mapping[str, object]) -> str:
    """Where rows come from: the name of the file that they stand in, or of what makes them.

    Args:
        data: The table [data] of a study.
    """
    path = data.get("path")
    return str(data["source"]) if path is None else PurePath(str(path)).name


def divisions_in_words(n_repeats: int, *, scores_other_rows: bool) -> str:
    """Fresh divisions that configurations were scored on once more; or fresh seeds, where rows score in an order."""
    s = "" if n_repeats == 1 else "s"
    return f"{n_repeats} fresh " + (f"division{s} of the rows" if scores_other_rows else f"seed{s} on the same rows")


def interval_in_words(difference: Difference) -> str:
    """`0.01 to 0.03`; a dash where nothing tells it."""
    if difference.low is None or difference.high is None:
        return show_value(None)
    return f"{show_value(difference.low)} to {show_value(difference.high)}"


def parts_in_words(ablation: Ablation) -> list[str]:
    """What to make of an ablation, in a sentence for each group of parts.

    A part helps where the choice beats the choice without it, and harms where it is beaten by it, by more than the
    uncertainty of that difference, one standard error: the rule by which the choice itself was made.
    """
    told = [(part_in_words(each, ablation), each.worth) for each in ablation.parts]
    known = [(part, worth) for part, worth in told if worth is not None and worth.standard_error is not None]
    helping = [part for part, worth in known if worth.mean > (worth.standard_error or 0.0)]
    harming = [part for part, worth in known if -worth.mean > (worth.standard_error or 0.0)]
    open_ones = [part for part, _ in known if part not in (*helping, *harming)]
    return [
        f"{words}: {', '.join(parts)}."
        for words, parts in (
            ("Worth more than its uncertainty, one standard error", helping),
            ("Better without", harming),
            ("Within one standard error of worth nothing", open_ones),
        )
        if parts
    ]


def part_in_words(removal: Removal, ablation: Ablation) -> str:
    """What was taken out: `l2`, `patience and minimum_delta`, `training.learning_rate 0.01 (back to 0.001)`."""
    whole, left = ablation.whole.configuration, removal.configuration
    return ", ".join(
        f"{name} {show_value(whole[name])} (back to {show_value(left[name])})" if name in left else name
        for name in removal.names
    )


def describe_seconds(seconds: float) -> str:
    """A time span: `1:05`, `2:00:00`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def speed_in_words(seconds_a_trial: float, n_left: int) -> str:
    """How fast a study is and how long it will take: `2.0 trials/s, 0:15 left`."""
    speed = f"{1 / seconds_a_trial:.1f} trials/s" if seconds_a_trial <= 1 else f"{seconds_a_trial:.1f} s/trial"
    return f"{speed}, {describe_seconds(n_left * seconds_a_trial)} left"


def better(direction: Direction, *, worse: bool = False) -> str:
    """The word for a better score, or for a worse one."""
    return "lower" if (direction == "minimize") is not worse else "higher"


def changed_settings(configuration: Configuration | None, baseline: Configuration | None) -> tuple[str, ...]:
    """Names of settings, which are no regularization, in which a configuration differs from the baseline's."""
    if configuration is None or baseline is None:
        return ()
    names = dict.fromkeys((*configuration, *baseline))
    return tuple(n for n in names if technique_of(n) is None and configuration.get(n) != baseline.get(n))


def verdict_lines(
    verdict: Verdict, study: StudyRecord, n_trials: int, configurations: Mapping[int, Configuration]
) -> list[str]:
    """A verdict in a few sentences, the first of which is for people who read no further.

    Args:
        verdict: On the study.
        study: Its record.
        n_trials: Trials that ended.
        configurations: Those of the baseline and of the finalists, by trial.
    """
    candidate = configurations.get(verdict.candidate)
    changed = changed_settings(candidate, configurations.get(verdict.finalists[0].trial if verdict.finalists else 0))
    lines = [_answer_in_words(verdict, study, changed), *_reasons(verdict, study)]
    if changed and verdict.answer == "helps":
        lines.insert(1, _what_else_changed(changed, candidate, study))
    if verdict.optimism > 0:
        lines.append(_luck_in_words(verdict, study, n_trials))
    if not verdict.scores_other_rows:
        lines.append("As the same rows scored each time, nothing here tells how far they are like others.")
    return lines


def rule_in_words(verdict: Verdict) -> str:
    """Which of the finalists is the candidate, the one that is weighed against the baseline."""
    if verdict.rule == "best":
        return "the finalist with the best confirmed score"
    return "the finalist that fits its training rows least of those within one standard error of the best"


def candidate_in_words(verdict: Verdict) -> str:
    """`The candidate, trial 7, is the finalist with the best confirmed score`; it is the choice where it helps."""
    role = "choice" if verdict.candidate == verdict.chosen else "candidate"
    return f"The {role}, trial {verdict.candidate}, is {rule_in_words(verdict)}"


def _luck_in_words(verdict: Verdict, study: StudyRecord, n_trials: int) -> str:
    """That the search promised more than came of it."""
    told = (
        f"In the search trial {verdict.candidate} scored {show_value(verdict.optimism)} {better(study.direction)} "
        f"than in its {verdict.repeats} fresh repeats: "
    )
    if n_trials <= _NOTHING_TO_PICK:
        return f"{told}chance alone, for it stood alone beside the baseline and nothing was picked."
    return f"{told}the luck of being picked out of {n_trials}."


def _what_else_changed(changed: Sequence[str], candidate: Configuration | None, study: StudyRecord) -> str:
    """That not all of a gain is regularization's."""
    named = ", ".join(changed)
    if not any(technique_of(name) is not None for name in candidate or ()):
        return f"Nothing of that is regularization: the choice differs from the baseline in {named} alone."
    return (
        f"Not all of that need be regularization: the choice differs from the baseline in {named}, too. `regsearch "
        f"ablate {study.name}` tells what each is worth."
    )


def _answer_in_words(verdict: Verdict, study: StudyRecord, changed: Sequence[str]) -> str:
    against, baseline = verdict.against_constant, study.facts.baseline_in_words
    gain = f"{study.metric} {_amount(verdict.difference, study)} than {baseline}"
    interval = f" ({_interval(verdict.difference, verdict)})"
    if verdict.answer == "nothing to learn" and against is not None:
        return (
            f"Nothing to learn: {study.metric} of the choice is {_amount(against, study)} than that of a guess that is "
            f"the same for every row, which luck explains ({_interval(against, verdict)})."
        )
    if verdict.answer == "helps":
        # An interval that includes 0 would seem to say the contrary: a sentence of its own tells why it does not.
        told = "" if _includes_zero(verdict.difference) else interval
        return f"{'The choice' if changed else 'Regularization'} helps: {gain}{told}."
    told = "" if _is_outweighed(verdict) else interval  # it would seem to say the contrary, too
    return (
        f"No gain: the candidate, trial {verdict.candidate} ({rule_in_words(verdict)}), has {gain}{told}, and the "
        f"choice is {baseline}."
    )


def _includes_zero(difference: Difference) -> bool:
    return difference.low is not None and difference.low <= 0


def _is_outweighed(verdict: Verdict) -> bool:
    """Whether the labels of the rows alone would make a gain of it, and what all trials hold likely does not."""
    low = verdict.difference.low
    return verdict.answer == "no gain" and verdict.has_reference and low is not None and low > 0


def _reasons(verdict: Verdict, study: StudyRecord) -> list[str]:
    """What decided, where that is something else than the labels."""
    if verdict.answer == "nothing to learn":
        return []
    lines, is_certain, helps = list[str](), verdict.expected.is_certain, verdict.answer == "helps"
    if helps and _includes_zero(verdict.difference):
        why = ": a few of them sway it" if verdict.has_reference else ""
        ends = interval_in_words(verdict.difference)
        lines.append(
            f"By the labels of the rows alone, the {verdict.level:.0%} interval of the gain, {ends}, includes 0{why}."
        )
    if _is_outweighed(verdict):
        ends = interval_in_words(verdict.difference)
        lines.append(
            f"By the labels of the rows alone, the {verdict.level:.0%} interval of the gain, {ends}, lies above 0: a "
            "few of them may make that."
        )
    if verdict.has_reference:
        decided = "which is not enough" if verdict.expected.mean > 0 else "which is no gain"
        if is_certain:
            decided = "which decides" if helps else "but the labels speak against it"
        lines.append(f"{_expected_in_words(verdict, study)}, {decided}.")
    elif helps and is_certain and _includes_zero(verdict.difference):
        error = show_value(verdict.difference.standard_error)
        lines.append(
            f"What decides is that the gain is more than {CERTAIN_ERRORS} times its standard error, {error}, which "
            "chance makes of no difference in one case of 20."
        )
    if helps and not is_certain:
        lines.append(
            "What decides is that the baseline scores no better than a guess that is the same for every row, and the "
            "choice does, by more than luck explains."
        )
    return lines


def _expected_in_words(verdict: Verdict, study: StudyRecord) -> str:
    """What the candidate and the baseline are expected to score, and the difference of the two."""
    candidate, baseline = verdict.finalist(verdict.candidate), verdict.finalist(BASELINE_TRIAL)
    scores = [show_value(None if each is None else each.expected) for each in (candidate, baseline)]
    amount, error = _amount(verdict.expected, study), show_value(verdict.expected.standard_error)
    return (
        f"By what all trials together hold likely of each row, the expected {study.metric} of trial "
        f"{verdict.candidate} is {scores[0]} and that of the baseline {scores[1]}: {amount}, give or take {error}"
    )


def _amount(difference: Difference, study: StudyRecord) -> str:
    """`0.1 lower`."""
    return f"{show_value(abs(difference.mean))} {better(study.direction, worse=difference.mean < 0)}"


def _interval(difference: Difference, verdict: Verdict) -> str:
    if difference.low is None or difference.high is None:
        return "of which nobody can tell how sure it is"
    return f"{verdict.level:.0%} interval of the gain {show_value(difference.low)} to {show_value(difference.high)}"
