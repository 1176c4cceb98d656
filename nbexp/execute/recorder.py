"""What is written while a notebook runs: its log, line by line, and the notebook so far."""

from __future__ import annotations

import time
from copy import copy
from typing import IO, Any

from nbexp.execute.failures import plain
from nbexp.execute.job import Job
from nbexp.files import shown, write_atomic, write_json
from nbexp.masks import MaskedStream

_INTERVAL_S = 5.0
_MOST_SHOWN = 200  # characters of a cell's first line
_SHARE = 20  # a notebook that takes long to write is written more rarely: 5 % of the time at most


class Recorder:
    """Writes ``log.txt`` and ``notebook.ipynb`` of a variant, with the secrets masked.

    Attributes:
        mask: The mask for everything that is written.
    """

    def __init__(self, job: Job) -> None:
        self.mask = job.mask()
        self._stream = MaskedStream(self.mask)
        self._files = job.files
        self._cell: dict[str, Any] = {}  # the one that runs
        self._told_cell: dict[str, Any] = {}
        self._log: IO[str] = job.files.log.open("a", encoding="utf-8", newline="")
        self._at_line_start = True
        self._changed = False
        self._next_save = 0.0
        clock = time.strftime("%Y-%m-%d %H:%M:%S")
        self.line(f"=== {job.variant}: {job.template.name} [{clock}] ===")

    def cell(self, number: int | None, count: int, source: str) -> None:
        """Note that a cell begins, and head its log.

        Args:
            number: Its number in the template; None for the one that was put in.
            count: Number of the template's cells.
            source: Its code.
        """
        name = "parameters" if number is None else f"cell {number}"
        self.line(f"--- {name} [{time.strftime('%H:%M:%S')}] ---")
        lines = (line.strip() for line in self.mask.text(source).splitlines())
        code = next((line for line in lines if line and line[0] not in "#%"), "")
        self._cell = {"number": number, "count": count, "line": code[:_MOST_SHOWN],
                      "began": time.time()}  # fmt: skip

    def line(self, text: str) -> None:
        """Write a text on lines of its own."""
        self._write(self._stream.flush())
        start = "" if self._at_line_start else "\n"
        self._write(start + self.mask.text(text).rstrip("\n") + "\n")

    def output(self, output: Any) -> None:
        """Write a cell's output, as far as it is text."""
        self._changed = True
        kind = output.output_type
        if kind == "stream":
            self._write(self._stream.feed(output.text))
        elif kind == "error":
            self.line(plain("\n".join(output.traceback)) or f"{output.ename}: {output.evalue}")
        elif "text/plain" in output.data:
            self.line(output.data["text/plain"])

    def changed(self) -> None:
        """Note that the notebook differs from the file."""
        self._changed = True

    def save_if_due(self, notebook: Any) -> None:
        """Write which cell runs, and the notebook, if it has changed and it is time for that."""
        if self._cell != self._told_cell:
            self._told_cell = self._cell
            write_json(self._files.cell, self._cell)
        if self._changed and time.monotonic() >= self._next_save:
            self.save(notebook)

    def save(self, notebook: Any) -> None:
        """Write the notebook."""
        from nbformat import from_dict, v4

        start = time.monotonic()
        self._files.notebook.parent.mkdir(
            parents=True, exist_ok=True
        )  # a notebook may have removed it
        whole = self.shown(notebook)
        try:
            text = v4.writes(whole, allow_nan=False)
        except ValueError:  # JSON has no inf and nan, and Jupyter refuses a file that has
            text = v4.writes(from_dict(shown(whole)), allow_nan=False)
        write_atomic(self._files.notebook, text + "\n")
        self._changed = False
        end = time.monotonic()
        self._next_save = end + max(_INTERVAL_S, _SHARE * (end - start))

    def shown(self, notebook: Any) -> Any:
        """Return the notebook as it is written: secrets masked, pieces of a stream joined."""
        shown = copy(notebook)
        shown.metadata = copy(notebook.metadata)
        for key in ("papermill", "widgets"):
            if key in shown.metadata:
                shown.metadata[key] = self.mask.value(shown.metadata[key])
        shown.cells = [self._shown_cell(cell) for cell in notebook.cells]
        return shown

    def close(self) -> None:
        """Close the log; no cell runs any more."""
        self._write(self._stream.flush())
        self._log.close()
        self._files.cell.unlink(missing_ok=True)

    def _shown_cell(self, cell: Any) -> Any:
        shown = copy(cell)
        shown.source = self.mask.text(cell.source)
        if "outputs" in cell:
            shown.outputs = [self._shown_output(output) for output in _joined(cell.outputs)]
        return shown

    def _shown_output(self, output: Any) -> Any:
        """Return an output, masked but for the names that its format gives to its parts."""
        shown = {
            key: item if key in ("output_type", "name") else self.mask.value(item)
            for key, item in output.items()
        }
        if "data" in output:
            shown["data"] = {mime: self.mask.value(item) for mime, item in output.data.items()}
        return type(output)(shown)

    def _write(self, text: str) -> None:
        if text:
            self._log.write(text)
            self._log.flush()
            self._at_line_start = text.endswith("\n")


def _joined(outputs: list[Any]) -> list[Any]:
    """Return outputs with neighbouring pieces of one stream as one, as Jupyter shows them."""
    joined: list[Any] = []
    pieces: list[str] = []
    for output in outputs:
        is_stream = output.output_type == "stream"
        if is_stream and pieces and joined[-1].name == output.name:
            pieces.append(output.text)
            continue
        if pieces:
            joined[-1].text = "".join(pieces)
        pieces = [output.text] if is_stream else []
        joined.append(copy(output) if is_stream else output)
    if pieces:
        joined[-1].text = "".join(pieces)
    return joined
