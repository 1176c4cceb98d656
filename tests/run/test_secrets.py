"""Secrets are in no file and on no screen, however they are spelt and wherever they go."""

from __future__ import annotations

import base64
import contextlib
import re
import subprocess
import threading
from pathlib import Path
from typing import Any

import psutil
import pytest
from click.testing import CliRunner

from nbexp.cli._main import cli
from nbexp.files import read_json

SECRETS = {
    "ADDRESS": "https://a.example/?sv=1&sig=Hu7sEcRe\"'<é ü>\\%+/Q9tZw2Kx~",
    "KEY_FILE": "-----BEGIN KEY-----\nMiIq8Jh2Vd0b\nZx8Lk3Nf5Pq7\n-----END KEY-----\n",
    "TOKEN": "tOk3nWq81xYz",
}
# What is looked for: parts that no way of writing changes.
PARTS = ("Hu7sEcRe", "Q9tZw2Kx", "MiIq8Jh2Vd0b", "Zx8Lk3Nf5Pq7", "tOk3nWq81xYz")

SPELLINGS = r"""
import base64, csv, html, io, json, os, pprint, shlex, urllib.parse
from xml.sax import saxutils

def row(value):
    csv.writer(written := io.StringIO()).writerow([value, "x"])
    return written.getvalue()

def for_scripts(s):
    return json.dumps(s).replace("&", r"\u0026").replace("<", r"\u003c").replace(">", r"\u003e")

WAYS_TO_SPELL = (
    str, repr, ascii, str.strip, row, pprint.pformat, shlex.quote, json.dumps, for_scripts,
    lambda s: repr(s.encode()), lambda s: str([s.encode("latin-1", "replace")]),
    lambda s: repr("'" + '"' + s), lambda s: repr({s: {s}}), lambda s: repr(json.dumps(s)),
    lambda s: json.dumps(s, ensure_ascii=False), lambda s: json.dumps(json.dumps({s: 1})),
    lambda s: json.dumps(s).replace("/", r"\/"), lambda s: json.dumps(html.escape(s)),
    html.escape, lambda s: html.escape(s, quote=False), lambda s: html.escape(html.escape(s)),
    lambda s: html.escape(repr(s)), lambda s: html.escape(json.dumps(s)), saxutils.escape,
    lambda s: saxutils.quoteattr(s, {"'": "&apos;"}),
    lambda s: html.escape(s).replace("&#x27;", "&#39;"),
    lambda s: s.encode("ascii", "xmlcharrefreplace").decode(),
    urllib.parse.quote, urllib.parse.quote_plus, lambda s: urllib.parse.quote(s, safe=""),
    lambda s: "".join(c if c.isalnum() else urllib.parse.quote(c, safe="").lower() for c in s),
    lambda s: urllib.parse.quote(urllib.parse.quote(s)),
    lambda s: s.replace("&", r"\&").replace("%", r"\%"),
    lambda s: base64.b64encode(s.encode()).decode(),
    lambda s: base64.urlsafe_b64encode(b"user:" + s.encode()).decode(),
    lambda s: s[:24] + "...", lambda s: "\x1b[1m" + s[:9] + "\x1b[0m" + s[9:],
    lambda s: s[:9] + "\n  " + s[9:],
)
SPELT = [spell(os.environ[name]) for name in names for spell in WAYS_TO_SPELL]
"""

WAYS = r"""
import logging, sys, time, warnings
import matplotlib.pyplot as plt, mlflow, pandas as pd
from IPython.display import HTML, Markdown, display
import nbexp

raw = [os.environ[name] for name in names]
for text in SPELT:
    print(text)
    print(text, file=sys.stderr)
for text in raw:
    for piece in (text[:7], text[7:11], text[11:]):
        print(piece, end="", flush=True)
        time.sleep(0.05)
    print()
display(pd.DataFrame({"a": raw, **{text: [1] * len(raw) for text in raw}}))
display(pd.DataFrame({"a": [text * 3 for text in raw]}))
display(HTML("<br>" + "<br>".join(SPELT)), Markdown("# \n".join(["", *SPELT])))
drawn = "<svg>" + "".join(map(html.escape, raw)) + "</svg>"
told = {"application/json": {text: [text] for text in SPELT}, "text/latex": str(SPELT)}
display({**told, "image/svg+xml": drawn}, raw=True, metadata={text: text for text in raw})
logging.warning("%s", raw)
warnings.warn(str(raw))
os.write(2, str(raw).encode())
for number, text in enumerate(SPELT):
    nbexp.glue(f"value {number}", text)
    nbexp.glue(f"table {number}", {text: {text: [text]}, "data": text})
for number, text in enumerate(raw):
    nbexp.glue(f"{text} {number}", number)
    nbexp.log(f"{text} {number}", 0.5)
    nbexp.log(f"text {number}", text)
    nbexp.log({f"spelt {i}": spelt for i, spelt in enumerate(SPELT)}, step=number)
    with mlflow.start_run(run_name=text, description=text):
        mlflow.log_param("given", text)
        mlflow.log_params({f"p {number}": text, "table": {text: text}})
        mlflow.set_tag("told", text)
        mlflow.set_tags({f"t {number}": SPELT})
        mlflow.log_text(text, "text.txt")
        mlflow.log_dict({text: [text]}, "table.json")
        mlflow.log_dict({"spelt": SPELT}, "table.yaml")
        mlflow.set_experiment_tag("told", text)
        frame = pd.DataFrame({"a": [1]})
        mlflow.log_input(mlflow.data.from_pandas(frame, source=text, name="named"))
mlflow.set_experiment(raw[-1])
with mlflow.start_run():
    mlflow.log_metric(f"m {raw[-1]}", 1.0)
    mlflow.log_metrics({raw[-1]: 1.0})
    mlflow.log_params({raw[-1]: raw[-1]})
    mlflow.set_tags({raw[-1]: raw[-1]})
plt.title(raw[-1])
plt.show()
nbexp.glue("score", 1.0)
raw
"""

INHERITED = r"""
import os, subprocess
print(how, dict(os.environ))
assert not {"ADDRESS", "KEY_FILE", "TOKEN"} & {*os.environ}
if os.path.exists("/proc/self"):
    print(open(f"/proc/{os.getppid()}/environ", "rb").read())
print(subprocess.run(["env"], capture_output=True, text=True).stdout)
"""

PIPELINE = """\
name = "hidden"
report = true
[stages.open]
notebook = "templates/open.ipynb"
metric = "score"
[stages.open.params]
names = [{ secret = "ADDRESS" }, { secret = "KEY_FILE" }, { secret = "TOKEN" }]
[stages.failing]
notebook = "templates/failing.ipynb"
[stages.failing.params]
names = [{ secret = "ADDRESS" }, { secret = "KEY_FILE" }, { secret = "TOKEN" }]
[stages.other]
notebook = "templates/other.ipynb"
params = { how = "ordinary" }
warm = false
[stages.warm]
notebook = "templates/other.ipynb"
params = { how = "warm" }
"""


class Watch:
    """Looks at command lines and at Ray's logs while a run goes on."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.seen: dict[str, list[str]] = {}
        self._process = process
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()

    def _look(self) -> None:
        own = psutil.Process(self._process.pid)
        while not self._ended.wait(0.5):
            with contextlib.suppress(psutil.Error):
                for process in (own, *own.children(recursive=True)):
                    self._look_at(process)

    def _look_at(self, process: psutil.Process) -> None:
        with contextlib.suppress(psutil.Error, OSError):
            line = " ".join(process.cmdline())
            self.seen[line] = shown(line.encode())
            for folder in set(re.findall(r"/\S*nbexp-ray-\w+", line)):
                for file in Path(folder).glob("session_*/logs/*"):
                    if file.is_file():
                        self.seen[str(file)] = shown(file.read_bytes())

    def end(self) -> None:
        self._ended.set()
        self._thread.join()


def shown(data: bytes) -> list[str]:
    """Return what of the secrets is in some bytes, also as base64 has it."""
    encoded = [base64.b64encode(part.encode())[:-4].decode().rstrip("=") for part in PARTS]
    return [part for part in (*PARTS, *encoded) if part.encode() in data]


@pytest.fixture(scope="module")
def hidden(module_project: Any) -> Any:
    """Run a pipeline with secrets in a process of its own, and watch it."""
    project = module_project
    project.template("open", SPELLINGS, WAYS, parameters="names = []")
    project.template("failing", SPELLINGS, "raise ValueError(*SPELT)", parameters="names = []")
    project.template("other", INHERITED, parameters="how = 0")
    project.pipeline(PIPELINE)
    process = project.start(environment=SECRETS)
    project.watch = Watch(process)
    process.wait()
    project.watch.end()
    return project


def test_secrets_are_in_no_file(hidden) -> None:
    variants = hidden.runs()[-1].joinpath("variants").iterdir()
    states = {
        path.name.rpartition("-")[0]: read_json(path / "result.json")["state"] for path in variants
    }
    finished = dict.fromkeys(("open", "other", "warm"), "finished")
    assert states == {**finished, "failing": "failed"}, (hidden.folder / "out.txt").read_text()
    files = [path for path in hidden.folder.rglob("*") if path.is_file()]
    found = {str(path.relative_to(hidden.folder)): shown(path.read_bytes()) for path in files}
    assert {path: parts for path, parts in found.items() if parts} == {}
    for part in ("mlflow.db", "out.txt", "/report/", "tfevents", "/text.txt", "events.jsonl"):
        assert [path for path in found if part in path], part


def test_secrets_are_on_no_screen(hidden) -> None:
    seen = hidden.watch.seen
    assert {what: parts for what, parts in seen.items() if parts} == {}
    assert [what for what in seen if "raylet.out" in what]
    page, text = hidden.folder / "open.html", hidden.folder / "open.md"
    for arguments in (
        ["show"], ["show", "--json"], ["logs", "open"], ["logs", "failing"], ["ls"],
        ["table"], ["table", "--format", "latex"], ["why", "open"],
        ["export", "open", "--to", str(page)],
        ["export", "open", "--format", "md", "--to", str(text)],
    ):  # fmt: skip
        result = CliRunner().invoke(cli, [*arguments, "-C", str(hidden.folder)])
        assert result.exit_code == 0, result.output
        assert shown(result.output.encode()) == [], arguments
    assert shown(page.read_bytes() + text.read_bytes()) == []
