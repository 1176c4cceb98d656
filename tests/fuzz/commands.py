"""The command line in this process, and what must hold whatever it is given."""

from __future__ import annotations

import re
from pathlib import Path

from click.testing import CliRunner

from fuzz._base import expect
from nbexp.cli._main import cli

_CODES = (0, 1, 2)
_COLOUR = re.compile(r"\x1b\[[0-9;:]*m")
_STEERING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufff9-\ufffb]"
)


def call(*arguments: str | Path) -> str:
    """Call the command line; return what it wrote."""
    done = CliRunner().invoke(cli, [str(argument) for argument in arguments])
    if isinstance(done.exception, Exception):
        raise done.exception
    check_end(done.exit_code, done.output, _CODES, arguments)
    return done.output


def check_end(code: int, output: str, codes: tuple[int, ...], arguments: object) -> None:
    """Check how a command ended, and what it wrote."""
    told = f"{arguments} ended with {code} and wrote {output[-3000:]!r}"
    expect(code in codes, told)
    expect("Traceback (most" not in output and "bug in nbexp" not in output, told)
    steering = _STEERING.search(_COLOUR.sub("", output))
    expect(not steering, f"{steering and steering[0]!r} reaches a terminal: {told}")
