"""The event files of a run, read back with tensorboardX's messages."""

import math
import struct
import subprocess
import sys

import pytest

from nbexp.metrics import Entry
from nbexp.runs.events import Event, EventKind
from nbexp.tracking import TensorboardListener

WIDTH, HEIGHT = 300, 200
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", WIDTH, HEIGHT) + b"rest"


def events_of(path):
    """Return the events of a file, with all check sums checked."""
    from tensorboardX.proto.event_pb2 import Event as Message
    from tensorboardX.record_writer import masked_crc32c

    data, events, start = path.read_bytes(), [], 0
    while start < len(data):
        length, check = struct.unpack_from("<QI", data, start)
        body = data[start + 12 : start + 12 + length]
        assert check == masked_crc32c(data[start : start + 8])
        assert struct.unpack_from("<I", data, start + 12 + length)[0] == masked_crc32c(body)
        events.append(Message.FromString(body))
        start += 16 + length
    return events


def summaries(path):
    """Return step, name and value of what a file shows."""
    return [(e.step, value.tag, value) for e in events_of(path) for value in e.summary.value]


def scalars(path):
    return [
        (step, tag, value.simple_value)
        for step, tag, value in summaries(path)
        if value.HasField("simple_value")
    ]


class Run:
    """A run's folder, and a listener that is told of it."""

    def __init__(self, folder):
        self.folder = folder
        self.listener = TensorboardListener(folder)
        self.time = 1e9
        self.tell("RUN_STARTED", run="r", stages=["train"], metrics={"train": ["score", "max"]})

    def tell(self, kind, **data):
        self.time += 1
        self.listener.notify(Event(EventKind[kind], self.time, data))

    def start(self, name, label="", **params):
        self.tell("VARIANT_ADDED", variant=name, stage="train", label=label, lineage={})
        self.tell("VARIANT_STARTED", variant=name, stage="train", attempt=1, params=params)

    def log(self, name, *entries):
        records = [entry.to_record() for entry in entries]
        self.tell("METRICS", variant=name, stage="train", entries=records)

    def end(self, name, state="finished", **more):
        self.tell("VARIANT_ENDED", variant=name, stage="train", label="", state=state, **more)

    @property
    def files(self):
        return sorted((self.folder / "tensorboard").rglob("events.out.tfevents.*"))


def entry(step, rich=None, **values):
    return Entry(2e9 + step, step, values, rich or {})


@pytest.fixture
def run(tmp_path):
    return Run(tmp_path / "run")


def test_variants_lie_side_by_side_under_their_stage(run):
    run.start("train-1", "lr=0.1 data=a/b")
    run.start("train-2")
    run.log("train-1", entry(1, loss=0.5))
    run.log("train-2", entry(1, loss=0.25))
    folders = [file.parent.relative_to(run.folder).as_posix() for file in run.files]
    assert folders == ["tensorboard/train/train-1 lr=0.1 data=a_b", "tensorboard/train/train-2"]


def test_each_batch_can_be_read_at_once_and_no_file_stays_open(run):
    run.start("train-1")
    run.log("train-1", entry(1, loss=0.5, acc=math.nan))
    (file,) = run.files
    assert [(step, tag) for step, tag, _ in scalars(file)] == [(1, "loss"), (1, "acc")]
    run.log("train-1", entry(2, loss=0.25), entry(3, loss=math.inf))
    assert [each for each in scalars(file) if each[1] == "loss"] == [
        (1, "loss", 0.5), (2, "loss", 0.25), (3, "loss", math.inf),
    ]  # fmt: skip
    assert run.files == [file]
    times = [event.wall_time for event in events_of(file) if event.step == 2]
    assert times == [2e9 + 2]


def test_texts_images_and_histograms_are_shown(run):
    media = run.folder / "variants" / "train-1" / "media"
    media.mkdir(parents=True)
    (media / "plot.png").write_bytes(PNG)
    rich = {
        "note": {"kind": "text", "text": "größer"},
        "plot": {"kind": "image", "file": "media/plot.png"},
        "gone": {"kind": "image", "file": "media/gone.png"},
        "weights": {"kind": "histogram", "edges": [0.0, 1.0, 2.0, 3.0], "counts": [0, 2, 5]},
    }
    run.start("train-1")
    run.log("train-1", entry(7, rich))
    found = {tag: value for step, tag, value in summaries(run.files[0]) if step == 7}
    assert found.keys() == {"note", "plot", "weights"}
    assert found["note"].tensor.string_val == ["größer".encode()]
    assert found["note"].metadata.plugin_data.plugin_name == "text"
    image = found["plot"].image
    assert (image.width, image.height, image.encoded_image_string) == (WIDTH, HEIGHT, PNG)
    histogram = found["weights"].histo
    assert (histogram.min, histogram.max, histogram.num) == (1.0, 3.0, 7)
    assert list(histogram.bucket_limit) == [0.0, 1.0, 2.0, 3.0]
    assert list(histogram.bucket) == [0, 0, 2, 5]


def test_parameters_final_metric_and_end_are_in_the_view_of_hyperparameters(run):
    from tensorboardX.proto.plugin_hparams_pb2 import HParamsPluginData

    params = {"optimizer": {"lr": 0.1, "name": "adam"}, "layers": [8, 4], "deep": True, "n": None}
    run.start("train-1", **params)
    run.log("train-1", entry(5, loss=0.5))
    run.end("train-1", "pruned", metric=0.75)
    found = {tag: value for _, tag, value in summaries(run.files[0])}
    plugins = {
        tag.removeprefix("_hparams_/"): HParamsPluginData.FromString(plugin.content)
        for tag, value in found.items()
        if (plugin := value.metadata.plugin_data).plugin_name == "hparams"
    }
    shown = plugins["session_start_info"].session_start_info.hparams
    assert {name: getattr(v, v.WhichOneof("kind")) for name, v in shown.items()} == {
        "optimizer.lr": 0.1, "optimizer.name": "adam", "layers": "[8, 4]", "deep": True,
        "n": "null",
    }  # fmt: skip
    assert plugins["session_end_info"].session_end_info.status == 1, "success"
    assert scalars(run.files[0])[-1] == (5, "score", 0.75)


def test_metric_that_was_logged_is_not_written_again(run):
    run.start("train-1")
    run.log("train-1", entry(5, score=0.5))
    run.end("train-1", "failed", metric=0.5)
    assert scalars(run.files[0]) == [(5, "score", 0.5)]


def test_variant_that_pauses_goes_on_in_its_file(run):
    run.start("train-1")
    run.log("train-1", entry(1, loss=0.5))
    run.tell("VARIANT_PAUSED", variant="train-1", stage="train", reason="slot", step=1)
    run.tell("VARIANT_STARTED", variant="train-1", stage="train", attempt=1, params={})
    run.log("train-1", entry(2, loss=0.25))
    (file,) = run.files
    assert [step for step, _, _ in scalars(file)] == [1, 2]


def test_variant_that_is_tried_again_starts_afresh_in_a_file_named_after_the_old(run):
    run.start("train-1")
    run.log("train-1", entry(1, loss=0.5), entry(2, loss=0.4))
    (old,) = run.files
    run.tell("VARIANT_RETRIED", variant="train-1", stage="train", attempt=1, reason="", folder="")
    assert run.files == []
    run.tell("VARIANT_STARTED", variant="train-1", stage="train", attempt=2, params={})
    run.log("train-1", entry(1, loss=0.5))
    (new,) = run.files
    assert new.parent == old.parent
    assert new.name > old.name
    assert scalars(new) == [(1, "loss", 0.5)]
    start = next(e for e in events_of(new) if e.HasField("session_log"))
    assert (start.step, start.session_log.status) == (0, 1), "what was shown of the old is void"


def test_driver_that_goes_on_with_a_run_leaves_no_point_twice(run):
    run.start("train-1")
    run.log("train-1", entry(1, loss=0.5))
    later = Run(run.folder)
    later.start("train-1")
    later.log("train-1", entry(1, loss=0.5), entry(2, loss=0.25))
    (file,) = run.files
    assert [step for step, _, _ in scalars(file)] == [1, 2]


def test_one_that_goes_on_from_another_voids_the_steps_after_and_says_so(run):
    run.start("train-1")
    run.log("train-1", entry(4, loss=0.5), entry(5, loss=0.6))
    run.tell(
        "VARIANT_EXPLOITED", variant="train-1", stage="train", step=4, donor="train-2",
        params={"lr": 0.2},
    )  # fmt: skip
    run.log("train-1", entry(5, loss=0.3))
    restart = [e.step for e in events_of(run.files[0]) if e.HasField("session_log")]
    assert restart == [0, 5]
    (said,) = [value for _, tag, value in summaries(run.files[0]) if tag == "exploit"]
    assert b"train-2" in said.tensor.string_val[0]


def test_cached_variant_is_shown_as_in_the_run_it_comes_from(run, tmp_path):
    run.start("train-1", "lr=0.1")
    run.log("train-1", entry(1, loss=0.5))
    run.start("train-11")
    run.log("train-11", entry(1, loss=0.9))
    later = Run(tmp_path / "later")
    source = run.folder / "variants" / "train-1"
    later.tell("VARIANT_ADDED", variant="other-1", stage="other", label="lr=0.1", lineage={})
    later.end("other-1", "cached", source=str(source))
    (file,) = later.files
    assert scalars(file) == [(1, "loss", 0.5)]


def test_cached_variant_is_found_in_a_run_that_still_goes_on(run, tmp_path):
    later = Run(tmp_path / "later")
    for name in ("train-1", "train-2"):
        run.start(name)
        run.log(name, entry(1, loss=0.5))
        later.tell("VARIANT_ADDED", variant=name, stage="train", label="", lineage={})
        later.end(name, "cached", source=str(run.folder / "variants" / name))
    assert [file.parent.name for file in later.files] == ["train-1", "train-2"]


def test_run_that_logs_nothing_leaves_nothing(run):
    run.start("train-1")
    run.log("train-1")
    run.end("train-1", metric=0.5)
    assert not run.folder.exists()


def test_torch_is_not_imported_and_tensorboardx_stays_whole(tmp_path):
    code = f"""
import sys
from pathlib import Path
from nbexp.runs.events import Event, EventKind
from nbexp.tracking import TensorboardListener
listener = TensorboardListener(Path({str(tmp_path)!r}))
assert "google.protobuf" not in sys.modules
entries = [{{"time": 1.0, "step": 1, "values": {{"loss": 0.5}}}}]
listener.notify(Event(EventKind.METRICS, 1.0, {{"variant": "a", "stage": "s", "entries": entries}}))
assert "google.protobuf" in sys.modules
assert not {{"torch", "tensorboardX"}} & set(sys.modules)
import tensorboardX
assert tensorboardX.SummaryWriter
"""
    subprocess.run([sys.executable, "-c", code], check=True)
