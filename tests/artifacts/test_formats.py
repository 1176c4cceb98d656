"""Every kind of value, saved and loaded; the same content has the same digest everywhere."""

import subprocess
import sys
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from nbexp.artifacts import load, save
from nbexp.errors import ArtifactError

NAN = float("nan")


def same(left, right) -> bool:
    """Whether two values are equal with their types, NaN being itself."""
    if isinstance(left, torch.Tensor):
        pair = (left.detach(), right)
        torch.testing.assert_close(*pair, rtol=0, atol=0, equal_nan=True)
        return True
    if isinstance(left, np.ndarray):
        np.testing.assert_array_equal(left, right, strict=True)
        return True
    if isinstance(left, pd.DataFrame):
        pd.testing.assert_frame_equal(left, right, check_freq=True)
        return True
    if isinstance(left, pd.Series):
        pd.testing.assert_series_equal(left, right, check_freq=True)
        return True
    if isinstance(left, dict):
        assert list(left) == list(right)
        return all(same(left[key], right[key]) for key in left)
    if isinstance(left, list | tuple):
        assert type(left) is type(right)
        return all(same(a, b) for a, b in zip(left, right, strict=True))
    return type(left) is type(right) and (left == right or left != left)  # noqa: PLR0124  # NaN


def adam_state() -> dict:
    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    model(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    return optimizer.state_dict()


SQUARE = torch.arange(6.0).view(2, 3)

PLAIN = {
    "none": None,
    "bool": True,
    "int": 2**70,
    "float": -0.1,
    "nan": NAN,
    "infinity": [float("inf"), -float("inf")],
    "text": "zwölf\r\n ",
    "half a surrogate pair": "\ud800",
    "bytes": b"\x00\xff",
    "nested": {"a": [1, {"b": None}], "": ()},
    "keys": {1: "a", None: "b", (1, "x"): "c", 2.5: NAN},
    "key like a tag": {"$float": "nan", "$tensor": {"$tuple": [1]}},
    "surrogate inside": ["\ud800"],
    "bytes inside": {"a": b"ab"},
}
ARRAYS = {
    "array": np.arange(6, dtype="int16").reshape(2, 3),
    "fortran order": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "no dimension": np.array(1.5),
    "empty": np.empty((0, 3)),
    "numpy float": np.float32(0.1),
    "numpy bool": np.bool_(True),
    "numpy date": np.datetime64("2020-01-01", "s"),
    "texts": np.array(["a", "bc"]),
    "records": np.array([(1, 2.5)], dtype=[("a", "i4"), ("b", "f8")]),
    "complex": np.array([1j]),
}
TENSORS = {
    "tensor": SQUARE,
    "0-d": torch.tensor(3),
    "bf16": SQUARE.bfloat16(),
    "fp8": SQUARE.to(torch.float8_e4m3fn).view(torch.uint8),
    "empty": torch.empty(0, 2),
    "not contiguous": SQUARE.t(),
    "expanded": SQUARE.expand(2, 2, 3),
    "complex": torch.tensor([1j], dtype=torch.complex128),
    "conjugated": torch.tensor([1j]).conj(),
    "bool": torch.tensor([True, False]),
    "needs gradients": torch.ones(2, requires_grad=True),
}
TREES = {
    "optimizer": adam_state(),
    "views of one memory": {"a": SQUARE, "b": SQUARE.view(-1), "c": SQUARE[0], "d": SQUARE[1:]},
    "mixture": {"t": [SQUARE, (np.ones(2), np.float64(1), NAN)], 3: None, "s": "x"},
    "names that clash": {"a.b": SQUARE, "a": {"b": SQUARE + 1}, "__metadata__": SQUARE + 2},
    "several empty": {"a": torch.empty(0), "b": torch.empty(0, 3), "c": torch.empty(0)},
    "file": {"file": np.ones(1), "x": np.ones(2), "x.npy": np.ones(3)},
}
FRAMES = {
    "frame": pd.DataFrame({"a": [1, 2], "b": ["x", None], "c": [NAN, np.inf]}),
    "number as columns": pd.DataFrame(np.ones((2, 3), dtype="float32")),
    "levels": pd.DataFrame(
        np.ones((1, 2)),
        columns=pd.MultiIndex.from_tuples([("a", "x"), ("a", "y")]),
        index=pd.MultiIndex.from_tuples([("p", 1)], names=["q", "r"]),
    ),
    "index with a name": pd.DataFrame({"a": [1]}, index=pd.Index([3], name="a")),
    "frequency": pd.DataFrame({"a": [1, 2]}, index=pd.date_range("2020", periods=2, tz="UTC")),
    "nullable": pd.DataFrame({"a": pd.array([1, None], dtype="Int64")}),
    "ordered texts": pd.DataFrame({"a": pd.Categorical(["y"], ["y", "x"], ordered=True)}),
    "numbers as categories": pd.DataFrame({"a": pd.Categorical([2], [2, 1, 5])}),
    "seconds": pd.DataFrame({"a": pd.Series([1, 2]).astype("datetime64[s]")}),
    "objects": pd.DataFrame({"a": pd.Series(["x", None], dtype=object), "b": [True, None]}),
    "integers as objects": pd.DataFrame({"a": pd.Series([1, 2], dtype=object)}),
    "object index": pd.DataFrame({"a": [1]}, index=pd.Index(["x"], dtype=object)),
    "empty": pd.DataFrame(),
    "intervals": pd.DataFrame(
        {"a": pd.interval_range(0, 2), "b": pd.period_range("2020", periods=2, freq="M")}
    ),
    "series": pd.Series([1.0, 2.0], index=["a", "b"]),
    "series with a name": pd.Series([1, 2], name=7),
    "series of categories": pd.Series(pd.Categorical([1, 1])),
}
FORMATS = {
    "text": [PLAIN["text"], PLAIN["half a surrogate pair"], ""],
    "bytes": [PLAIN["bytes"], b""],
    "json": [v for k, v in PLAIN.items() if k not in ("text", "half a surrogate pair", "bytes")],
    "array": list(ARRAYS.values()),
    "tree": [*TENSORS.values(), *TREES.values()],
    "frame": list(FRAMES.values()),
}
CASES = [
    pytest.param(value, form, id=f"{form}-{number}")
    for form, values in FORMATS.items()
    for number, value in enumerate(values)
]


@pytest.mark.parametrize(("value", "form"), CASES)
def test_value_comes_back_as_it_was(tmp_path, value, form):
    saved = save(tmp_path, "it", value)
    assert saved.format == form
    assert same(value, load(saved.path))
    assert save(tmp_path / "again", "other", load(saved.path)).digest == saved.digest


def test_digest_tells_contents_apart(tmp_path):
    values = [
        *(value for values in FORMATS.values() for value in values),
        *(1, "1", b"1", [1], (1,), {"1": 1}, {1: 1}, 1.0, np.float64(1), np.array(1.0)),
        *(torch.tensor(1.0), pd.Series([1]), pd.DataFrame({0: [1]}), pd.Series([1], name=0)),
    ]
    digests = [save(tmp_path, "it", value).digest for value in values]
    assert len(set(digests)) == len(values)


def test_order_in_memory_does_not_change_the_digest(tmp_path):
    c_order = np.arange(6.0).reshape(2, 3)
    digests = {save(tmp_path, "it", v).digest for v in (c_order, np.asfortranarray(c_order))}
    assert len(digests) == 1


DIGESTS = """
import sys
from pathlib import Path
import numpy as np, pandas as pd, torch
from nbexp.artifacts import save
torch.manual_seed(0)
frame = pd.DataFrame({"a": [1, 2], "b": ["x", None], "c": pd.Categorical([2, 3])})
tree = {"t": torch.ones(2), "n": [np.ones(3), np.int8(1)], 3: {"s": float("nan")}}
values = [frame, frame.a, np.ones((2, 2)), {"b": 1, "a": [None]}, "text", b"bytes", tree,
          torch.nn.Linear(2, 2), Path(sys.argv[1])]
print([save(Path.cwd(), f"n{number}{sys.argv[2]}", value).digest
       for number, value in enumerate(values)])
"""


def test_digest_is_the_same_in_every_process_and_place(tmp_path):
    seen = set()
    for number in "12":
        folder = tmp_path / number
        source = folder / f"source{number}"
        (source / "sub").mkdir(parents=True)
        (source / "sub" / "file.txt").write_text("content")
        done = subprocess.run(
            [sys.executable, "-c", DIGESTS, source, number],
            cwd=folder,
            env={"PYTHONHASHSEED": number, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        seen.add(done.stdout)
    assert len(seen) == 1


class Tied(torch.nn.Module):
    """Two layers with one weight, and a buffer."""

    def __init__(self, width: int = 3) -> None:
        super().__init__()
        self.one = torch.nn.Linear(width, width)
        self.two = torch.nn.Linear(width, width)
        self.two.weight = self.one.weight
        self.norm = torch.nn.BatchNorm1d(width)


def test_weights_are_loaded_into_a_module(tmp_path):
    model, other = Tied(), Tied()
    saved = save(tmp_path, "model", model)
    assert load(saved.path, into=other) is other
    assert other.two.weight is other.one.weight
    assert same(dict(model.state_dict()), dict(other.state_dict()))
    assert same(dict(model.state_dict()), load(saved.path))


def test_tied_weights_are_kept_once_and_stay_tied(tmp_path):
    state = load(save(tmp_path, "model", Tied()).path)
    assert state["one.weight"] is state["two.weight"]


def test_state_dict_fits_into_a_module_too(tmp_path):
    model = Tied()
    ref = save(tmp_path, "weights", model.state_dict()).path
    assert same(dict(load(ref, into=Tied()).state_dict()), dict(model.state_dict()))


def test_tensors_have_their_usual_names_for_other_readers(tmp_path):
    from safetensors import safe_open

    path = save(tmp_path, "model", torch.nn.Linear(1, 1)).path
    with safe_open(path / "data.safetensors", "pt") as opened:
        assert set(opened.keys()) == {"weight", "bias"}


def test_loaded_state_continues_an_optimizer(tmp_path):
    optimizer = torch.optim.Adam(torch.nn.Linear(2, 1).parameters())
    optimizer.load_state_dict(load(save(tmp_path, "it", adam_state()).path))
    assert optimizer.param_groups[0]["lr"] == 0.1


def test_changing_loaded_tensors_leaves_the_artifact_alone(tmp_path):
    saved = save(tmp_path, "it", SQUARE)
    load(saved.path).fill_(9)
    assert same(load(saved.path), SQUARE)


def test_ordered_dict_comes_back_as_a_dict(tmp_path):
    assert load(save(tmp_path, "it", OrderedDict(a=1)).path) == {"a": 1}


def test_file_is_copied_and_keeps_its_suffixes(tmp_path):
    source = tmp_path / "random-name.tar.gz"
    source.write_bytes(b"content")
    saved = save(tmp_path / "saved", "it", source)
    source.unlink()
    copy = load(saved.path)
    assert (copy.name, copy.read_bytes()) == ("content.tar.gz", b"content")


def test_folder_is_copied_with_what_its_links_point_to(tmp_path):
    source, outside = tmp_path / "source", tmp_path / "outside.txt"
    (source / "sub").mkdir(parents=True)
    outside.write_text("outside")
    (source / "sub" / "link.txt").symlink_to(outside)
    (source / "twice").symlink_to(source / "sub")
    copy = load(save(tmp_path / "saved", "it", source).path)
    outside.unlink()
    for name in ("sub/link.txt", "twice/link.txt"):
        assert (copy / name).read_text() == "outside"
        assert not (copy / name).is_symlink()


def test_link_in_a_circle_is_refused(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    (source / "again").symlink_to(source)
    with pytest.raises(ArtifactError, match="leads back to"):
        save(tmp_path / "saved", "it", source)


def test_broken_link_is_refused(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    (source / "gone").symlink_to(tmp_path / "nothing")
    with pytest.raises(ArtifactError, match="gone: neither a file nor a folder"):
        save(tmp_path / "saved", "it", source)


class Own:
    """What no format knows."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Own)

    __hash__ = None


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (Own(), r"keeps this \w*\.?\w*\.?test_formats.Own\b"),
        ({"a": [1, Own()]}, r"this dict, because it holds the .*Own at \['a'\]\[1\]"),
        ({Own: 1}, "this dict, because it holds the key <class"),
        (np.array([Own()]), "numpy.ndarray of object"),
        (np.ma.array([1], mask=[True]), "numpy.ma.MaskedArray"),
        ({1, 2}, "this set"),
        (torch.ones(2, 2).to_sparse(), "torch.Tensor"),
        (torch.empty(2, device="meta"), "torch.Tensor"),
        (pd.DataFrame({"a": [1, "x"]}), "does not fit into a parquet file"),
        (pd.DataFrame({"a": [{"b": 1}, {"c": 2}]}), "column 'a' holds dicts"),
        (pd.DataFrame({"a": [[{"b": 1}], []]}), "column 'a' holds dicts"),
        (pd.DataFrame(np.ones((1, 2)), columns=["a", 1]), "does not fit into a parquet file"),
        (pd.DataFrame(np.ones((1, 2)), columns=["a", "a"]), "does not fit into a parquet file"),
    ],
)
def test_value_without_a_format_is_refused_and_pickled_only_when_asked(tmp_path, value, message):
    with pytest.raises(ArtifactError, match=message) as refusal:
        save(tmp_path, "it", value)
    assert "pickle=True" in str(refusal.value)
    assert list(tmp_path.iterdir()) == []
    if isinstance(value, set):
        saved = save(tmp_path, "it", value, pickle=True)
        assert saved.format == "pickle"
        with pytest.raises(ArtifactError, match="can run any code"):
            load(saved.path)
        assert load(saved.path, pickle=True) == value


def test_frame_that_parquet_refuses_is_pickled_when_asked(tmp_path):
    frame = pd.DataFrame({"a": [1, "x"]})
    saved = save(tmp_path, "it", frame, pickle=True)
    assert saved.format == "pickle"
    assert [path.name for path in sorted(saved.path.iterdir())] == ["artifact.json", "data.pickle"]
    assert same(frame, load(saved.path, pickle=True))


def test_value_that_has_a_format_is_not_pickled_even_when_asked(tmp_path):
    assert save(tmp_path, "it", [1], pickle=True).format == "json"


def test_what_can_not_be_pickled_is_refused(tmp_path):
    with pytest.raises(ArtifactError, match="function can't be pickled"):
        save(tmp_path, "it", lambda: None, pickle=True)


def test_value_that_holds_itself_is_refused(tmp_path):
    value: list = []
    value.append(value)
    with pytest.raises(ArtifactError, match="holds itself"):
        save(tmp_path, "it", value)


@pytest.mark.parametrize("path", [Path("nowhere"), Path("~/nowhere-at-all")])
def test_missing_file_is_refused(tmp_path, path):
    with pytest.raises(ArtifactError, match="no such file or folder"):
        save(tmp_path, "it", path)


def test_folder_that_holds_the_artifacts_is_refused(tmp_path):
    with pytest.raises(ArtifactError, match="holds the artifacts themselves"):
        save(tmp_path / "artifacts", "it", tmp_path)
