"""Writes studies/README.md from the code, the study files and results.json: `uv run python tests/studies/page.py`."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

from search.preparation.shipped import shipped_studies
from search.techniques import (
    TECHNIQUES,
    BatchTechnique,
    DataTechnique,
    InputTechnique,
    LayerTechnique,
    OptimizerTechnique,
    PretrainedTechnique,
    Technique,
    WeightTechnique,
    required_names,
)

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "studies" / "README.md"
RESULTS = HERE / "results.json"

_INTRODUCTION = """\
# Studies

Each file here asks one question and can be run as it is, `regsearch run NAME`, or changed with `--set`. Trial 0 is
always the baseline: all techniques off. Scores in tables are those of the search: means over folds and seeds on rows
that neither trained nor stopped a run; the best of many trials is partly luck. So the best ones and the baseline are
then trained anew, with fresh seeds and, where rows may be divided in other ways, on fresh divisions; from that comes
the verdict, and from the verdict the choice.

This page is written by `tests/studies/page.py` from the code, the studies and what `tests/studies/run.py` found."""

_ACTS_ON = {
    LayerTechnique: "layers, all or by pattern",
    InputTechnique: "the model's input",
    DataTechnique: "all rows, before training",
    BatchTechnique: "each training batch",
    WeightTechnique: "the weights of a training step",
    PretrainedTechnique: "weights that are from a file",
    OptimizerTechnique: "the optimizer",
    Technique: "the run",
}


def render_page() -> str:
    """The whole page."""
    results = json.loads(RESULTS.read_text(encoding="utf-8"))
    studies = {name: path.read_text(encoding="utf-8") for name, path in shipped_studies().items()}
    parts = [_INTRODUCTION, "## Studies and what came of them", _contents(studies, results)]
    parts += [_section(name, text, results.get(name)) for name, text in studies.items()]
    parts += ["## Techniques", _techniques(studies)]
    return "\n\n".join(parts) + "\n"


def comment(text: str, label: str) -> str:
    """What a study file says in one of its opening comments (`Question`), in one line."""
    found = re.search(rf"^# {label}: (.*(?:\n#   .*)*)", text, re.M)
    return " ".join(line.removeprefix("#").strip() for line in found[1].splitlines()) if found else ""


def _contents(studies: dict[str, str], results: dict[str, Any]) -> str:
    rows = [
        [f"[{name}](#{name})", comment(text, "Question"), results[name].get("answer") or "not confirmed"]
        for name, text in studies.items()
    ]
    return _table(["study", "question", "verdict"], rows)


def _section(name: str, text: str, result: dict[str, Any] | None) -> str:
    lines = [f"### {name}", f"**{comment(text, 'Question')}**", f"Source: {comment(text, 'Source')}"]
    if result is None:
        return "\n\n".join([*lines, f"Not run: {comment(text, 'Cost')}"])
    direction = "lower" if result["direction"] == "minimize" else "higher"
    lines.append(
        f"{result['trials']} trials of {result['runs']} runs each, {result['metric']} ({direction} is better), "
        f"{result['seconds']:.0f} s with {result['workers']} workers."
    )
    if lesson := comment(text, "Lesson"):
        lines.append(f"**Lesson.** {lesson}")
    lines.append(f"![what {name} found](figures/{name}.svg)")
    lines.append(_table(result["columns"], [[_cell(cell) for cell in row] for row in result["rows"]]))
    if result.get("verdict"):
        lines.append("**Verdict.** " + " ".join(result["verdict"]))
    lines += result["remarks"]
    return "\n\n".join(lines)


def _techniques(studies: dict[str, str]) -> str:
    spaces = {name: tomllib.loads(text)["space"] for name, text in studies.items()}
    rows = []
    for name, technique in TECHNIQUES.items():
        using = [study for study, space in spaces.items() if any(key.rpartition(".")[2] == name for key in space)]
        kind = next(words for base, words in _ACTS_ON.items() if isinstance(technique, base))
        domain = technique.domain
        more = f"; with {' or '.join(f'`{other}`' for other in names)}" if (names := required_names(technique)) else ""
        rows.append([f"`{name}`", f"{domain.meaning}{more}", domain.describe(), kind, domain.source, ", ".join(using)])
    return _table(["technique", "its value", "range", "acts on", "source", "studies"], rows)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _table(columns: list[str], rows: list[list[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


if __name__ == "__main__":
    PAGE.write_text(render_page(), encoding="utf-8")
