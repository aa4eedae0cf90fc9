"""Writes the README's help texts from the commands themselves: `uv run python tests/readme/generate.py`."""

from pathlib import Path

from search.cli import cli
from search.cli._help import FittingContext

README = Path(__file__).parents[2] / "README.md"
START, END = "<!-- help:start -->", "<!-- help:end -->"


def render_help() -> str:
    """The help of every command, in the order of `regsearch --help`, as Markdown."""
    sections = []
    for name, command in cli.commands.items():
        context = FittingContext(command, info_name=f"regsearch {name}", terminal_width=100, max_content_width=100)
        sections.append(f"### regsearch {name}\n\n```text\n{command.get_help(context).strip()}\n```")
    return "\n\n".join(sections)


def with_help(readme: str) -> str:
    """The README with its help texts replaced by those of the code."""
    before, _, rest = readme.partition(START)
    _, _, after = rest.partition(END)
    return f"{before}{START}\n\n{render_help()}\n\n{END}{after}"


if __name__ == "__main__":
    README.write_text(with_help(README.read_text(encoding="utf-8")), encoding="utf-8")
