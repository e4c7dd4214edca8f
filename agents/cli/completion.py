"""`pillarscore completion`: commands and options completed by the shell."""

from typing import Annotated, Literal

import typer

app = typer.Typer()


@app.command(no_args_is_help=True)
def completion(
    shell: Annotated[Literal["bash", "zsh", "fish"], typer.Argument(help="bash, zsh or fish.")],
) -> None:
    """Print a script that makes the shell complete commands and options with the Tab key.

    To have it in every new shell: bash, add the line of the example to ~/.bashrc; zsh, add the same with zsh
    to ~/.zshrc, after compinit; fish, write the output to ~/.config/fish/completions/pillarscore.fish.

    Example: source <(pillarscore completion bash)
    """
    from typer.completion import get_completion_script  # type: ignore[attr-defined]

    typer.echo(
        get_completion_script(prog_name="pillarscore", complete_var="_PILLARSCORE_COMPLETE", shell=shell)
    )
