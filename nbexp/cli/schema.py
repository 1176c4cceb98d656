"""The command ``schema``: prints the JSON Schema of pipeline files."""

from __future__ import annotations

import json

import click

from nbexp.pipeline.tables import json_schema


@click.command()
def schema() -> None:
    """Print the JSON Schema of pipeline files, for editors.

    `nbexp schema > pipeline.schema.json`, and `#:schema pipeline.schema.json` as the first line of
    a pipeline: editors that know TOML's schemas (such as VS Code with Even Better TOML) then
    complete keys, show what they mean, and mark mistakes.
    """
    click.echo(json.dumps(json_schema(), indent=2, ensure_ascii=False))
