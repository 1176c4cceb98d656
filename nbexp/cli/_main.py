"""The command ``nbexp``: its subcommands, and what becomes of their errors."""

from __future__ import annotations

import atexit
import gc
import sys
import traceback
from collections import UserDict
from importlib import import_module
from keyword import iskeyword
from typing import TYPE_CHECKING, Any

import click

from nbexp import __version__
from nbexp.cli._terminal import guard_streams, guarded_streams
from nbexp.errors import NbexpError, PipelineError, UsageError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

MISTAKE, CTRL_C = 2, 130
_NEW_OBJECTS = 50_000

# The commands, in the order in which one meets them, with what `nbexp --help` says of each. Each is
# a function in a module, both of its name, imported when the command is called.
COMMANDS = {
    "init": "Write a small project into the folder DIR.",
    "doctor": "Check what runs need on this machine.",
    "run": "Run the pipeline in the file PIPELINE.",
    "resume": "Go on with a run that was stopped or cut off.",
    "plan": "Tell what a run would do, and run nothing.",
    "ls": "List the runs beside the pipeline, newest first.",
    "show": "Show a run, or a variant with all its details.",
    "why": "Tell why a variant ran, or would run again.",
    "logs": "Print what variants have printed.",
    "stop": "Stop a run that goes on, or one of its variants.",
    "add": "Add variants to a stage of a run that goes on.",
    "pause": "Pause a run that goes on.",
    "continue": "Have a run go on that was paused.",
    "report": "Write the report of a run.",
    "export": "Write an executed notebook as one file.",
    "table": "Write the variants of a run as a table, a row each.",
    "view": "Show notebooks and runs in a browser.",
    "schema": "Print the JSON Schema of pipeline files, for editors.",
}


class _Commands(UserDict[str, Any]):
    """The commands by their names; to look one up imports it, to list their names does not."""

    def __getitem__(self, name: str) -> click.Command:
        if name not in COMMANDS:
            raise KeyError(name)
        module = f"{name}_" if iskeyword(name) else name
        command: click.Command = getattr(import_module(f"nbexp.cli.{module}"), module)
        return command


class _Nbexp(click.Group):
    """A group that turns the errors of nbexp into messages and exit codes.

    What it writes steers no terminal, whatever it has read.
    """

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run the command line; see `click.Group.main`."""
        with guarded_streams():
            return super().main(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except NbexpError as error:
            show_error(error)
            ctx.exit(MISTAKE if isinstance(error, PipelineError | UsageError) else 1)
        except KeyboardInterrupt:
            click.echo("ended by Ctrl-C", err=True)
            ctx.exit(CTRL_C)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except OSError as error:  # a full disk, a folder that can't be written
            click.echo(f"Error: {error}", err=True)
            ctx.exit(1)
        except Exception:
            traceback.print_exc()
            click.echo("\nThis is a bug in nbexp; please report it with the lines above.", err=True)
            ctx.exit(1)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the commands in the order in which one meets them."""
        return list(self.commands)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        """Write what each command does, by the table: none of them is imported."""
        room = formatter.width - 6 - max(map(len, COMMANDS))
        of = {name: click.Command(name, help=text) for name, text in COMMANDS.items()}
        with formatter.section("Commands"):
            formatter.write_dl([(name, of[name].get_short_help_str(room)) for name in COMMANDS])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the commands and options that begin so, by the table."""
        from click.shell_completion import CompletionItem

        begun = [name for name in COMMANDS if name.startswith(incomplete)]
        options = click.Command.shell_complete(self, ctx, incomplete)
        return [*(CompletionItem(name, help=COMMANDS[name]) for name in begun), *options]


@click.group(
    cls=_Nbexp,
    commands=_Commands(COMMANDS),
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, "-V", "--version", message="nbexp %(version)s")
def cli() -> None:
    """Experiments in notebooks.

    A pipeline of Jupyter notebooks runs with all its variants, in parallel, cached and tracked.
    Start with `nbexp init DIR`, then `nbexp run pipeline.toml` in there.
    """


def main() -> None:
    """Run the command line of this process, and exit."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a narrow encoding must not end a run
    guard_streams()  # also what is written when the process ends
    # It takes a second to import, and jsonschema, which would, does without: decision 0011.
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
    # A third of the time that MLflow takes to import and to be torn down goes into the search for
    # cycles among what it makes: decision 0015.
    gc.set_threshold(_NEW_OBJECTS)
    atexit.register(gc.freeze)  # the first one in is the last one out
    cli(prog_name="nbexp")


def show_error(error: NbexpError) -> None:
    """Write an error to standard error; a pipeline's problems one by one."""
    from nbexp.cli._screen import Screen

    screen = Screen(to_error=True)
    if not isinstance(error, PipelineError):
        screen.line(("Error: ", "bold red"), str(error))
        return
    for problem in error.problems:
        screen.line((problem.place, "bold"))
        screen.line("    ", (problem.message, "red"))
        screen.line("    ", ("→ ", "green"), problem.remedy)
    count = len(error.problems)
    screen.line((f"{count} problem{'s' if count != 1 else ''} found; nothing was run.", "bold"))
