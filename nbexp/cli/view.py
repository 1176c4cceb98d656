"""The command ``view``: shows notebooks and runs in a browser."""

from __future__ import annotations

import click

from nbexp.cli._screen import Screen
from nbexp.server import Options, open_store, serve


@click.command()
@click.argument("place", metavar="[DIR]", default=".")
@click.option("--host", default="127.0.0.1", help="Address to listen on; 127.0.0.1 by default.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="Port; 0 for any free one. The first free one from 8899 on by default.",
)
@click.option("--no-token", is_flag=True, help="Let in everybody who reaches the server.")
def view(place: str, *, host: str, port: int | None, no_token: bool) -> None:
    """Show notebooks and runs in a browser.

    DIR is any folder, a run's folder, or s3://bucket/prefix; the current folder by default. Runs
    are followed while they go; notebooks can be searched by name, parameter and text. Nothing can
    be changed. Ends by Ctrl-C.
    """
    screen = Screen()

    def announce(address: str) -> None:
        screen.line("Open in a browser: ", (address, "bold"))
        screen.line("End it by Ctrl-C.")

    serve(open_store(place), Options(host, port, has_token=not no_token), announce)
    screen.line("ended")
