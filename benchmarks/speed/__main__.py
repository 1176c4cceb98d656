"""Measures, keeps the results, and writes docs/benchmarks.md from all that are kept.

Usage: make bench [ARGS="--only start,scale"], or python -m benchmarks.speed
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import fields
from pathlib import Path

from benchmarks.speed import record, report
from benchmarks.speed.parts import PARTS, Counts

_LONG = ("scale", "report")  # only where it is asked for


def _parts(text: str) -> list[str]:
    names = text.split(",")
    if unknown := [name for name in names if name not in PARTS]:
        raise argparse.ArgumentTypeError(
            f"{', '.join(unknown)}: expected some of {', '.join(PARTS)}, with commas between"
        )
    return names


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.speed", description=__doc__)
    usual = [name for name in PARTS if name not in _LONG]
    names = f"parts, of {', '.join(PARTS)}; all but {', '.join(_LONG)} if nothing is said"
    parser.add_argument("--only", type=_parts, default=usual, metavar="PARTS", help=names)
    parser.add_argument("--write", action="store_true", help="measure nothing, only write")
    home = record.REPOSITORY
    parser.add_argument("--into", type=Path, default=home / "benchmarks" / "results",
                        help="folder of the results")  # fmt: skip
    parser.add_argument("--doc", type=Path, default=home / "docs" / "benchmarks.md",
                        help="the file that is written")  # fmt: skip
    for field in fields(Counts):
        parser.add_argument(f"--{field.name}", type=int, default=field.default, metavar="N",
                            help=f"default: {field.default}")  # fmt: skip
    return parser.parse_args()


def main() -> None:
    """Measure and write."""
    options = _options()
    counts = Counts(**{field.name: getattr(options, field.name) for field in fields(Counts)})
    for part in () if options.write else options.only:
        print(f"==> {part}", flush=True)
        with tempfile.TemporaryDirectory(prefix="nbexp-bench-") as folder:
            record.save(options.into, part, PARTS[part](Path(folder), counts))
    options.doc.write_text(
        report.document({part: record.load(options.into, part) for part in PARTS})
    )
    print(f"==> Written: {options.doc}")


if __name__ == "__main__":
    main()
