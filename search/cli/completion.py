"""`regsearch completion`: the script by which a shell completes commands, options and names of studies."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

_INSTALLING = {
    "bash": "regsearch completion bash > ~/.regsearch.bash && echo '. ~/.regsearch.bash' >> ~/.bashrc",
    "zsh": "regsearch completion zsh > ~/.regsearch.zsh && echo '. ~/.regsearch.zsh' >> ~/.zshrc  (below compinit)",
    "fish": "regsearch completion fish > ~/.config/fish/completions/regsearch.fish",
}


@click.command(
    epilog="Example: regsearch completion bash > ~/.regsearch.bash && echo '. ~/.regsearch.bash' >> ~/.bashrc"
)
@click.argument("shell", type=click.Choice(tuple(_INSTALLING)))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print what makes a shell complete commands, options, studies and study files.

    The first line of the script says how to install it; a new shell then completes.
    """
    found = get_completion_class(shell)
    assert found is not None
    program = context.find_root()
    made = found(program.command, {}, "regsearch", "_REGSEARCH_COMPLETE")
    click.echo(f"# Install: {_INSTALLING[shell]}")
    click.echo(made.source().strip("\n"))
