"""The command ``nbexp``: its subcommands, and what becomes of their errors."""

from __future__ import annotations

import atexit
import gc
import sys
import traceback
from typing import Any

import click

from nbexp import __version__
from nbexp.cli import _project, _reports, _run, _runs, _schema, _viewing
from nbexp.cli._terminal import guard_streams, guarded_streams
from nbexp.errors import NbexpError, PipelineError, UsageError

MISTAKE, CTRL_C = 2, 130
_NEW_OBJECTS = 50_000


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


@click.group(cls=_Nbexp, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-V", "--version", message="nbexp %(version)s")
def cli() -> None:
    """Experiments in notebooks.

    A pipeline of Jupyter notebooks runs with all its variants, in parallel, cached and tracked.
    Start with `nbexp init DIR`, then `nbexp run pipeline.toml` in there.
    """


for _room in (_project, _run, _runs, _reports, _viewing, _schema):
    for _command in _room.COMMANDS:
        cli.add_command(_command)


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
