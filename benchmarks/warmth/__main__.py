"""Is a kernel from a warm parent what an ordinary one is, whatever it imports?

    python -m benchmarks.warmth [PACKAGE ...] [--write]

For each of some sixty packages, those that are installed, two ordinary kernels and two warm ones
import what notebooks do of it, show some objects, and tell of themselves: values in modules and
classes, representations, registered hooks, log messages and warnings, generators, threads, and
where they run. It exits with 1 if a warm kernel differs where no reason is known. `--write` writes
the table of docs/warm-kernels.md; it is run in an environment of its own, with all of them.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks.warmth.comparing import differences, exception, left_out, told
from benchmarks.warmth.packages import PACKAGES, Package

_ROOT = Path(__file__).parents[2]
RESULTS = _ROOT / "benchmarks" / "results" / "warmth.json"
PAGE = _ROOT / "docs" / "warm-kernels.md"
_TABLE = "| package | version | imported beforehand | values compared | differences |\n"


@dataclass(frozen=True)
class Row:
    """What came out for a package.

    Attributes:
        name: Its name.
        version: Its version.
        compared: How many values were compared.
        left_out: Modules that a parent leaves out, with the reasons.
        reasons: Why a warm kernel differs, where it may.
        differences: Where it differs and may not.
        error: What went wrong.
    """

    name: str
    version: str
    compared: int = 0
    left_out: dict[str, str] = field(default_factory=dict)
    reasons: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)
    error: str = ""

    @property
    def is_right(self) -> bool:
        """Whether a warm kernel is what an ordinary one is."""
        return not self.differences and not self.error

    def to_line(self) -> str:
        """Return its line of the table."""
        groups = {
            why: [f"`{name}`" for name, each in self.left_out.items() if each == why]
            for why in self.left_out.values()
        }
        left_out = "; ".join(f"not {', '.join(names)}: {why}" for why, names in groups.items())
        found = [*self.reasons, *self.differences, *filter(None, [self.error])]
        cells = (self.name, self.version, left_out or "yes", f"{self.compared:,}")
        told = " ".join("; ".join(found).replace("|", "/").split())  # one line of a table
        return f"| {' | '.join(cells)} | {told or 'none'} |"


def measured(package: Package) -> Row:
    """Compare kernels that import a package."""
    number = version(package.name)
    with tempfile.TemporaryDirectory(prefix="w-", dir="/tmp") as name:
        folder = Path(name)
        try:
            found = told(package.imports, package.shows, folder)
        except (RuntimeError, TimeoutError) as error:
            return Row(package.name, number, error=str(error)[-200:])
        noted = left_out(folder)
    all_of_them = differences(found)
    return Row(
        package.name,
        number,
        count(found[0]),
        {module: why for module, why in noted.items() if module in package.imports},
        sorted({why for each in all_of_them if (why := exception(each))}),
        [str(each) for each in all_of_them if not exception(each)],
    )


def count(value: Any) -> int:
    """Count the single values of what a kernel told."""
    if isinstance(value, dict):
        return sum(map(count, value.values()))
    return sum(map(count, value)) if isinstance(value, list) else 1


def is_installed(package: Package) -> bool:
    """Whether a package is here."""
    try:
        version(package.name)
    except PackageNotFoundError:
        return False
    return True


def write(row: Row) -> None:
    """Write a package's result among those of others, and the table into its page."""
    known = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    rows = {each["name"]: Row(**each) for each in known} | {row.name: row}
    ordered = [rows[each.name] for each in PACKAGES if each.name in rows]
    RESULTS.write_text(json.dumps([asdict(each) for each in ordered], indent=1) + "\n")
    PAGE.write_text(page(PAGE.read_text(), ordered))


def page(text: str, rows: list[Row]) -> str:
    """Return the page with the table of some rows."""
    before, _, rest = text.partition(_TABLE)
    after = rest.partition("\n\n")[2]
    lines = [_TABLE + "| --- | --- | --- | --- | --- |", *(row.to_line() for row in rows)]
    return before + "\n".join(lines) + "\n\n" + after


def main() -> int:
    """Compare, tell, and write the table if that is asked for."""
    about, _, _ = (__doc__ or "").partition("\n")
    parser = argparse.ArgumentParser(description=about, prog="python -m benchmarks.warmth")
    parser.add_argument("packages", nargs="*", metavar="PACKAGE", help="only these")
    parser.add_argument("--write", action="store_true", help="write the table of the page")
    options = parser.parse_args()
    rows = []
    for package in PACKAGES:
        if (options.packages and package.name not in options.packages) or not is_installed(package):
            continue
        started = time.monotonic()
        rows.append(measured(package))
        print(f"{rows[-1].to_line()} {time.monotonic() - started:.0f} s", flush=True)
        if options.write:
            write(rows[-1])
    return 0 if all(row.is_right for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
