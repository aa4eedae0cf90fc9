"""Help on narrow terminals, and letters that a locale does not have."""

import pytest

from search.cli import _help, cli
from search.cli._help import FittingContext, help_settings


def help_of(monkeypatch, width, name=None):
    monkeypatch.setattr(_help, "terminal_width", lambda: width)
    command = cli if name is None else cli.commands[name]
    parent = FittingContext(cli, info_name="regsearch", **help_settings())
    context = parent if name is None else FittingContext(command, parent=parent, info_name=name)
    return command.get_help(context).splitlines()


@pytest.mark.parametrize("width", [40, 51])
@pytest.mark.parametrize("name", [None, *cli.commands])
def test_help_is_no_wider_than_a_narrow_terminal(monkeypatch, width, name):
    too_wide = [line for line in help_of(monkeypatch, width, name) if len(line) > width]
    assert all(len(line.split()) == 1 for line in too_wide)  # a word of its own, which is not cut


def test_narrow_help_has_what_an_option_does_below_it_in_full(monkeypatch):
    shown = help_of(monkeypatch, 40)
    assert shown[shown.index("  run") + 1 :][:2] == [
        "      Launch a study, or go on with one",
        "      that was interrupted.",
    ]


def test_wide_help_is_clicks_own(monkeypatch):
    assert "  run         Launch a study, or go on with one that was interrupted." in help_of(monkeypatch, None)
    assert help_settings() == {"max_content_width": 100}


def test_locale_without_a_letter_ends_no_command(process, tmp_path):
    (tmp_path / "s.toml").write_text(
        '[study]\nname = "s"\nn_trials = 1\n[data]\nsource = "csv"\npath = "λ.csv"\ntarget = "y"\n'
        '[model]\nfamily = "mlp"\nhidden = [4]\n[space]\nl2 = { choices = [0.1] }\n',
        encoding="utf-8",
    )
    rows = "\n".join(["λ,y", *(f"{n % 7},{'yes' if n % 2 else 'no'}" for n in range(60))])
    (tmp_path / "λ.csv").write_text(rows + "\n", encoding="utf-8")
    done = process("check", "s.toml", cwd=tmp_path, PYTHONIOENCODING="iso-8859-1")
    assert (done.code, "Traceback" in done.err) == (0, False)
    assert 'path = "\\u03bb.csv"' in done.out
