"""Source that trains the model on raw rows, tells what it predicts of others, and runs as a program."""

from __future__ import annotations

from textwrap import indent

from search.models import RowsSource, constant
from search.reporting.exports.script.known import Known
from search.reporting.exports.script.reading import given_names, shown_path, takes_path
from search.training import METRICS, DecisionMetric

_TRAIN = '''\
def train({arguments}, **options):
    """Train the model on raw rows, {kept}.

    Args:
        rows: As `read_data` gives them.
        y: {targets}.{beside}
        options: Further arguments of `fit`, such as `verbose=0`.

    Returns:
        The fitted preparation and the trained model, which `predict` takes.
    """
{body}
    return preparation, model'''

_BESIDE = {
    "weight": "How much each row counts.",
    "groups": "What rows belong together.",
    "order": "Where each row stands in the order.",
}

_PREDICT = '''\
def predict(model, preparation, rows):
    """What the model says of raw rows.

    Returns:
        {returns}
    """
    outputs = model.predict(preparation.transform(rows), verbose=0)
{body}'''

_MAIN = '''\
def main({argument}):
    """Train on most of the data, and tell how well the model predicts the rest."""
{body}'''


def use_model(known: Known) -> RowsSource:
    """`train`, `predict` and `main`."""
    started, imports = "main()", list[str]()
    if takes_path(known):
        started = 'if len(sys.argv) != 2:\n    sys.exit(f"Usage: python {sys.argv[0]} {DATA}")\nmain(sys.argv[1])'
        imports = ["import sys"]
    constants = [constant("DATA", shown_path(known))] if takes_path(known) else []
    if len(known.facts.classes) == 2:
        constants += _threshold(known)
    return RowsSource(
        tuple(imports), tuple(constants), after=(_train(known), _predict(known), _main(known)), started=started
    )


def _threshold(known: Known) -> list[str]:
    """The probability above which the second class is predicted."""
    metric = str(known.chosen.spec.objective.metric_name)
    lines = ["THRESHOLD = 0.5  # the second class is predicted where its probability is above"]
    if isinstance(METRICS.get(metric), DecisionMetric):
        lines.insert(0, f"# {metric} may be better at another threshold: find it on rows that do not train.")
    return lines


def _passed(known: Known) -> list[str]:
    """What `train` is given beside rows and targets."""
    return [role for role in known.beside if role == "weight" or (known.stops and role in ("groups", "order"))]


def _targets(known: Known, rows: str) -> str:
    return f"preparation.scaled(y[{rows}])" if known.data.scale_target else f"y[{rows}]"


def _train(known: Known) -> str:
    passed = _passed(known)
    lines = ["y = coded(y)"]
    if known.stops:
        divided = ", ".join(["y", *(role for role in passed if role != "weight")])
        lines += [f"train_rows, stop_rows = divide({divided}, STOP_SHARE)"]
        rows, y = "take(rows, train_rows)", "y[train_rows]"
        target = "preparation.scaled(y[train_rows])" if known.data.scale_target else y
    else:
        rows, y = "rows", "y"
        target = "preparation.scaled(y)" if known.data.scale_target else y
    lines += ["preparation = Preparation()", f"x = preparation.fit_transform({rows}, {y})", "model = build_model()"]
    given = ["x", target]
    weighted = "weight" in passed
    if weighted:
        given.append("weight[train_rows]" if known.stops else "weight")
    if known.stops:
        lines.append("x_stop = preparation.transform(take(rows, stop_rows))")
        given += ["x_stop", _targets(known, "stop_rows"), *(["weight[stop_rows]"] if weighted else [])]
    lines.append(f"train_model(model, {', '.join(given)}, **options)")
    return _TRAIN.format(
        arguments=", ".join(["rows", "y", *passed]),
        kept="a share of which stops the training" if known.stops else "all of them",
        targets="The label of each row" if known.facts.classes else "Their targets",
        beside="".join(f"\n        {role}: {_BESIDE[role]}" for role in passed),
        body=indent("\n".join(lines), "    "),
    )


def _predict(known: Known) -> str:
    classes, link = known.facts.classes, known.loss.link
    lines = ['outputs = outputs.astype("float32").reshape(len(outputs), -1)']
    if link == "halves":
        lines.append("outputs = np.clip((1 + outputs) / 2, 0, 1)")
    elif link is not None:
        lines.append(f"outputs = keras.ops.convert_to_numpy(keras.ops.{link}(outputs))  # of logits")
    if not classes:
        values = "preparation.restored(outputs)" if known.data.scale_target else "outputs"
        several = known.facts.n_targets > 1
        lines.append(f"return {values}" if several else f"return {values}[:, 0]")
        returns = "Values in the targets' own unit, shape (rows, targets)." if several else "Values, shape (rows,)."
        if not several and known.data.scale_target:
            returns = "Values in the target's own unit, shape (rows,)."
    else:
        if len(classes) == 2:
            lines.append("probabilities = np.column_stack([1 - outputs[:, -1], outputs[:, -1]])")
            lines.append("places = (probabilities[:, 1] > THRESHOLD).astype(int)")
        else:
            lines.append("probabilities = outputs")
            lines.append("places = probabilities.argmax(axis=1)")
        lines.append("return np.array(CLASSES)[places], probabilities")
        returns = "Labels, shape (rows,), and probabilities, shape (rows, classes), in the order of CLASSES."
    return _PREDICT.format(returns=returns, body=indent("\n".join(lines), "    "))


def _main(known: Known) -> str:
    given, passed = given_names(known), _passed(known)
    lines = ["keras.utils.set_random_seed(SEED)", f"{given} = read_data({'path' if takes_path(known) else ''})"]
    if known.dividing == "part":
        lines.append('named = [str(each).strip().lower().removesuffix(".0") for each in part]')
        lines.append("apart = np.isin(named, HELD_OUT)")
        lines.append("others, test = np.flatnonzero(~apart), np.flatnonzero(apart)")
    else:
        by = f", {known.dividing}" if known.dividing else ""
        lines.append(f"others, test = divide(coded(y){by}, TEST_SHARE)")
    arguments = ["take(rows, others)", "y[others]", *(f"{role}[others]" for role in passed)]
    lines.append('print(f"Trains for up to {EPOCHS} epochs, in silence; with verbose=2 each is told.")')
    lines.append(f"preparation, model = train({', '.join(arguments)}, verbose=0)")
    if known.facts.classes:
        lines.append("labels, _ = predict(model, preparation, take(rows, test))")
        lines.append("right = (coded(labels) == coded(y[test])).mean()")
        lines.append("usual = np.unique(coded(y[test]), return_counts=True)[1].max() / len(test)")
        lines.append('print(f"{len(test)} rows that did not train: {right:.1%} of the labels are right")')
        lines.append('print(f"The most frequent label is that of {usual:.1%}")')
    else:
        lines.append("values = predict(model, preparation, take(rows, test))")
        several = known.facts.n_targets > 1
        lines.append(f"error = np.sqrt(((values - coded(y[test])) ** 2).mean({'axis=0' if several else ''}))")
        shown = "{error}" if several else "{error:.6g}"
        lines.append(f'print(f"{{len(test)}} rows that did not train: root of the mean squared error {shown}")')
    return _MAIN.format(argument="path" if takes_path(known) else "", body=indent("\n".join(lines), "    "))
