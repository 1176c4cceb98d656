"""The command line: `main` is the command ``nbexp``."""

from nbexp.cli._main import main

__all__ = ["main"]
