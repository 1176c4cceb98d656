"""Papermill's and nbclient's own tests, with ordinary kernels and with kernels from warm parents.

    make suites [ARGS="--only nbclient"]

Takes the released sources of the versions that are installed beside this file's interpreter, runs
their tests as they were published, once with jupyter_client's ordinary provisioner as the default
and once with `nbexp-warm`, and compares test by test. Exits with 1 if any test ended differently.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tarfile
import tempfile
import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

_SUITES = {"nbclient": "tests", "papermill": "papermill/tests"}  # and where its tests are
_PROVISIONERS = {"stock": "local-provisioner", "warm": "nbexp-warm"}
_TEST_S = 120
_ALL_S = 1800
# What would have the tests meet the user's own settings.
_SETTINGS = ("NBEXP_", "JUPYTER_", "IPYTHONDIR", "MPLBACKEND", "PYTEST_", "COV_")


@dataclass(frozen=True)
class Outcome:
    """How a suite ended.

    Attributes:
        tests: By name, what came of each: passed, failed, error or skipped.
        seconds: What all took.
    """

    tests: dict[str, str]
    seconds: float

    def __str__(self) -> str:
        counts = Counter(self.tests.values())
        told = [f"{count} {result}" for result, count in sorted(counts.items())]
        return f"{len(self.tests)} tests: {', '.join(told)}; {self.seconds:.0f} s"


_LOOK = """
from jupyter_client.manager import KernelManager
manager = KernelManager(kernel_name="python3")
manager.start_kernel()
print(type(manager.provisioner.process).__name__)
manager.shutdown_kernel(now=True)
"""
_EXPECTED = {"stock": "Popen", "warm": "WarmProcess"}


def main() -> None:
    """Run, compare, and tell."""
    arguments = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    arguments.add_argument("--only", choices=_SUITES, help="one of the two suites")
    only = arguments.parse_args().only
    with tempfile.TemporaryDirectory(prefix="nbexp-suites-", dir="/tmp") as folder:
        differences = [
            difference
            for name in ([only] if only else _SUITES)
            for difference in _compare(name, Path(folder))
        ]
    print("\n".join(differences) or "No test ended differently.")
    sys.exit(bool(differences))


def _compare(name: str, folder: Path) -> list[str]:
    """Run a suite both ways; return the tests that ended differently."""
    print(f"{name} {version(name)}", flush=True)
    outcomes = {}
    for way in _PROVISIONERS:
        _check(way)
        outcomes[way] = _run(name, way, _unpacked(name, folder / way))
        print(f"  {way:6} {outcomes[way]}", flush=True)
    stock, warm = (outcomes[way].tests for way in _PROVISIONERS)
    for test, result in stock.items():
        if result in ("failed", "error") and warm.get(test) == result:
            print(f"  {result} both ways: {test}")
    return [
        f"{name}: {test}: {stock.get(test, 'not run')} stock, {warm.get(test, 'not run')} warm"
        for test in sorted(stock.keys() | warm.keys())
        if stock.get(test) != warm.get(test)
    ]


def _check(way: str) -> None:
    """Raise SystemExit unless kernels are started the way that is to be tested."""
    look = [sys.executable, "-W", "ignore", "-c", _LOOK]
    done = subprocess.run(look, env=_environment(way), stdout=-1, text=True, check=True)
    if done.stdout.strip() != _EXPECTED[way]:
        sys.exit(f"Expected {_EXPECTED[way]} of the {way} provisioner, but got: {done.stdout}")


def _unpacked(name: str, folder: Path) -> Path:
    """Return the folder of a release's sources."""
    folder.mkdir(exist_ok=True)
    pip = [sys.executable, "-m", "pip", "download", "-qq", "--no-deps", "--no-binary", name]
    subprocess.run([*pip, f"{name}=={version(name)}", "-d", str(folder)], check=True)
    with tarfile.open(next(folder.glob(f"{name}-*.tar.gz"))) as archive:
        archive.extractall(folder, filter="data")
    return folder / f"{name}-{version(name)}"


def _run(name: str, way: str, sources: Path) -> Outcome:
    """Run a suite, and return how it ended.

    Raises:
        SystemExit: It told nothing.
    """
    report, log = sources.parent / f"{name}.xml", sources.parent / f"{name}.log"
    command = [
        sys.executable, "-m", "pytest", _SUITES[name], "-p", "no:cacheprovider", "--color=no",
        "-o", "asyncio_default_fixture_loop_scope=function",  # its warning would stop them
        f"--timeout={_TEST_S}", "--timeout-method=signal", f"--junitxml={report}",
    ]  # fmt: skip
    with log.open("wb") as output:
        subprocess.run(
            command, cwd=sources, env=_environment(way), stdin=subprocess.DEVNULL,
            stdout=output, stderr=subprocess.STDOUT, timeout=_ALL_S, check=False,
        )  # fmt: skip
    if not report.exists():
        sys.exit(f"Expected a report of {name}'s tests, but there is none. It said:\n"
                 f"{log.read_text()[-2000:]}")  # fmt: skip
    return _read(report)


def _environment(way: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_SETTINGS)}
    commands = str(Path(sys.executable).parent)  # the tests of command lines look for them
    return kept | {
        "PATH": f"{commands}{os.pathsep}{kept.get('PATH', '')}",
        "JUPYTER_DEFAULT_PROVISIONER_NAME": _PROVISIONERS[way],
    }


def _read(report: Path) -> Outcome:
    suite = ET.parse(report).getroot().find("testsuite")
    if suite is None:
        sys.exit(f"Expected a report of pytest, but {report} has no testsuite")
    # Some tests are tried again, by the suite itself, if they fail: the last time counts.
    tests = {
        f"{case.get('classname')}::{case.get('name')}": _result(case)
        for case in suite.iter("testcase")
    }
    return Outcome(tests, float(suite.get("time", "0")))


def _result(case: ET.Element) -> str:
    for tag, result in (("failure", "failed"), ("error", "error"), ("skipped", "skipped")):
        if case.find(tag) is not None:
            return result
    return "passed"


if __name__ == "__main__":
    main()
