"""Reports and answers, and what a notebook says of its own ending."""

import asyncio
import json
import socket
import threading
from pathlib import Path

import nbformat

from nbexp.decisions import Decision, DecisionKind
from nbexp.execute.decision_channel import Desk, channel, retell_ending, tell_history
from nbexp.execute.failures import tell_ending
from nbexp.execute.job import MetricReport


def ask(path: Path, step: int) -> dict:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        connection.sendall(json.dumps({"step": step, "value": 0.5}).encode() + b"\n")
        return json.loads(connection.makefile().readline())


def serve(tmp_path: Path, desk: Desk, work) -> None:
    """Serve a channel while some work goes on in threads."""

    async def main() -> None:
        async with channel(tmp_path / "s", "v", desk):
            await asyncio.gather(*(asyncio.to_thread(each, tmp_path / "s") for each in work))

    asyncio.run(main())


def answering(desk: Desk, count: int, reports: list[MetricReport]) -> None:
    answer = None
    for _ in range(count):
        report = desk.exchange(answer)
        reports.append(report)
        answer = Decision(DecisionKind.PAUSE, reason=f"at {report.step}", report=report.number)
    threading.Thread(target=desk.exchange, args=(answer,), daemon=True).start()


def test_reports_of_several_threads_each_get_their_own_answer(tmp_path):
    desk, reports, answers = Desk(), [], {}
    threading.Thread(target=answering, args=(desk, 8, reports), daemon=True).start()

    def worker(step: int):
        return lambda path: answers.update({step: ask(path, step)})

    serve(tmp_path, desk, [worker(step) for step in range(8)])
    assert {step: answer["reason"] for step, answer in answers.items()} == {
        step: f"at {step}" for step in range(8)
    }
    assert {report.step for report in reports} == set(range(8))


def test_answer_to_an_older_report_is_not_taken_for_one_to_the_next(tmp_path):
    desk, answers = Desk(), []

    def decide(_path):
        report = desk.exchange(None)
        late = threading.Thread(
            target=desk.exchange,
            args=(Decision(DecisionKind.STOP, report=report.number - 1),),
            daemon=True,
        )
        late.start()
        answer = Decision(DecisionKind.END, report=report.number)
        threading.Thread(target=desk.exchange, args=(answer,), daemon=True).start()

    serve(tmp_path, desk, [decide, lambda path: answers.append(ask(path, 1)["kind"])])
    assert answers == ["end"]


def notebook() -> nbformat.NotebookNode:
    cell = nbformat.v4.new_code_cell("for epoch in nbexp.loop('epoch', 3): ...")
    error = nbformat.v4.new_output("error", ename="nbexp.Paused", evalue="x", traceback=["x"])
    cell.outputs = [nbformat.v4.new_output("stream", text="before"), error]
    injected = nbformat.v4.new_code_cell("# Parameters\nlr = 0.1")
    injected.metadata["tags"] = ["injected-parameters"]
    return nbformat.v4.new_notebook(cells=[injected, cell])


def test_ending_is_told_in_the_place_of_the_error_and_told_anew(tmp_path):
    shown = notebook()
    tell_ending(shown.cells[1], "hyperband paused it at step 2")
    assert [output.output_type for output in shown.cells[1].outputs] == ["stream", "display_data"]
    path = tmp_path / "notebook.ipynb"
    nbformat.write(shown, path)
    retell_ending(path, "hyperband stopped it at step 2")
    (ending,) = nbformat.read(path, 4).cells[1].outputs[1:]
    assert ending.data["text/plain"] == "hyperband stopped it at step 2"


def test_exploits_are_told_above_the_injected_parameters():
    shown = notebook()
    history = [
        {"event": "paused", "step": 3},
        {"event": "exploited", "donor": "train-b", "step": 4, "params": {"lr": 0.2}},
    ]
    tell_history(shown, history)
    first, *rest = shown.cells[0].source.splitlines()
    assert first == "# went on from train-b after step 4, with lr = 0.2"
    assert rest == ["# Parameters", "lr = 0.1"]
    assert shown.metadata["nbexp"]["history"] == history
