"""The fuzzer's command: ``make fuzz ARGS="--minutes 60"``."""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import itertools
import os
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from fuzz._base import Kind
from fuzz.kinds import KINDS
from fuzz.running import run_case

_MOST_BYTES = 64 << 30  # of addresses: what grows without end meets it before the machine's


def main() -> int:
    """Run cases of the kinds in turn; return 1 if there is a finding."""
    arguments = _arguments()
    faulthandler.enable()
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_BYTES, _MOST_BYTES))
    os.environ |= {"MLFLOW_DISABLE_TELEMETRY": "true", "RAY_ADDRESS": "local", "MPLBACKEND": "agg"}
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    until = time.monotonic() + 60 * arguments.minutes
    counts, found = Counter[str](), Counter[str]()
    with _made(arguments.kind or list(KINDS)) as kinds, contextlib.suppress(KeyboardInterrupt):
        for seed in itertools.count(arguments.seed):
            is_over = arguments.cases is None and time.monotonic() > until
            if is_over or seed - arguments.seed == arguments.cases:
                break
            _run(seed, kinds, counts, found)
    for name, count in counts.items():
        print(f"{name:15} {count:7} cases {found[name]:5} findings")
    return 1 if found else 0


def _run(seed: int, kinds: dict[str, Kind], counts: Counter[str], found: Counter[str]) -> None:
    for name, kind in kinds.items():
        finding = run_case(name, kind, seed)
        counts[name] += 1
        if finding is not None:
            found[name] += 1
            print(finding, flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0, help="how long to go on; 60")
    parser.add_argument("--cases", type=int, help="how many of each kind, in place of a time")
    parser.add_argument("--seed", type=int, default=0, help="that of the first cases; 0")
    parser.add_argument("--kind", action="append", choices=list(KINDS), help="this kind alone")
    return parser.parse_args()


@contextlib.contextmanager
def _made(names: list[str]) -> Iterator[dict[str, Kind]]:
    with contextlib.ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="nbexp-fuzz-")))
        kinds: dict[str, Kind] = {}
        for name in names:
            material = root / name / "material"
            material.mkdir(parents=True)
            kinds[name] = KINDS[name](material)
            stack.callback(kinds[name].close)
        yield kinds


if __name__ == "__main__":
    sys.exit(main())
