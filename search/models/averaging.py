"""Several trained models become one, whose output is the mean of what they say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from search.data import Encoder, TargetScale
from search.models.inputs import (
    BesideEnd,
    FreeNames,
    TableEnds,
    classified,
    column_inputs,
    compiled_as,
    linked,
    quiet_model,
    with_ends,
)
from search.models.losses import Link
from search.techniques import RowStep

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True, eq=False)
class Member:
    """A trained model, and what surrounds it.

    Args:
        model: With one input, and one output or a list of them, as it was trained.
        steps: What was done to rows before it, in order, once they were encoded.
        target_scale: What the targets that it was trained on had been scaled with.
        encoder: Of a table, what made inputs of its columns; None for arrays.
        link: What makes probabilities of its outputs.
        weight: How much it counts among others, above 0.
        beside: The outputs that the model gives behind the study's, in a list.
        output: Name of the study's output, where there are others.
    """

    model: keras.Model
    steps: Sequence[RowStep] = ()
    target_scale: TargetScale | None = None
    encoder: Encoder | None = None
    link: Link | None = None
    weight: float = 1.0
    beside: tuple[BesideEnd, ...] = ()
    output: str = ""


def average_models(
    members: Sequence[Member], shape: tuple[int, ...], classes: tuple[str, ...] = (), threshold: float = 0.5
) -> keras.Model:
    """A model that predicts the weighted mean of what several say: of probabilities, or of numbers in their own unit.

    Probabilities are averaged, not logits: so predictions of several runs are averaged everywhere else.

    Args:
        members: Two or more, of the same rows. Each does to them what was done before it was trained.
        shape: Shape of one encoded row.
        classes: The label of each class index; empty for a regression.
        threshold: Of two classes, the probability of the second above which it is the one predicted.

    Returns:
        A model of Keras' own classes. It takes rows, and of a table's it predicts, as `with_ends` says. Of arrays it
        gives the mean, which needs no link any more; with outputs beside a dictionary, in which each has its name. It
        is compiled as the first member is where its output is what that one's loss takes: neither a dictionary nor, of
        members that give logits, probabilities.

    Raises:
        ValueError: There are fewer than two members.
    """
    import keras

    if len(members) < 2:
        raise ValueError(f"expected two models or more to average, received {len(members)}")
    first, encoder = members[0].model, members[0].encoder
    wholes = [_before_its_link(member, shape) for member in members]
    columns = {} if encoder is None else dict(wholes[0].input)
    free = FreeNames(columns)
    rows = column_inputs(columns, free) if columns else keras.Input(wholes[0].inputs[0].shape[1:])
    outputs = []
    for number, (member, whole) in enumerate(zip(members, wholes, strict=True), start=1):
        named = _named(whole, member, free(f"member_{number}"))
        outputs.append(named([rows[name] for name in whole.input] if columns else rows))
    weights = [member.weight for member in members]
    mean, *others = (_mean(each, weights, free) for each in zip(*outputs, strict=True))
    if encoder is not None and classes:
        mean = classified(mean, TableEnds(encoder, classes, threshold=threshold), free)
    if others:
        told = mean if isinstance(mean, dict) else {members[0].output: mean}
        mean = {**told, **{end.name: each for end, each in zip(members[0].beside, others, strict=True)}}
    whole = quiet_model(rows, mean, f"{first.name}_mean")
    is_alike = not isinstance(mean, dict) and not any(member.link for member in members)
    return compiled_as(first, whole) if is_alike else whole


def _before_its_link(member: Member, shape: tuple[int, ...]) -> keras.Model:
    """A member that takes raw rows, and gives what it gave in training or numbers in their own unit.

    It is not compiled: a file would hold the state of its optimizer, besides that of the whole.
    """
    import keras

    outputs = member.model.outputs if member.beside else member.model.outputs[0]
    plain = keras.Model(member.model.inputs[0], outputs, name=member.model.name)
    table = None if member.encoder is None else TableEnds(member.encoder)
    return with_ends(plain, member.steps, shape, member.target_scale, table, member.beside, member.output)


def _named(whole: keras.Model, member: Member, name: str) -> keras.Model:
    """The same layers under another name, with probabilities behind them, in a list; of a table it takes columns so."""
    import keras

    inputs: Any = list(whole.input.values()) if isinstance(whole.input, dict) else whole.inputs[0]
    told = whole.output if member.beside else {member.output: whole.outputs[0]}
    outputs = [linked(told[member.output], member.link)]
    for end in member.beside:  # of a table they are probabilities already
        outputs.append(linked(told[end.name], end.link if member.encoder is None else None))
    return keras.Model(inputs, outputs, name=name)


def _mean(outputs: Sequence[Any], weights: Sequence[float], free: FreeNames) -> Any:
    """The weighted mean of what members say."""
    import keras

    if len(set(weights)) == 1:
        # As NumPy has it, to the last digit: a share of each, summed up, may round otherwise.
        return keras.layers.Average(dtype="float32", name=free("mean"))(outputs)
    shares = [
        keras.layers.Rescaling(weight / sum(weights), dtype="float32", name=free(f"share_{number}"))(told)
        for number, (told, weight) in enumerate(zip(outputs, weights, strict=True), start=1)
    ]
    return keras.layers.Add(dtype="float32", name=free("mean"))(shares)
