"""A folder and a bucket look the same to who reads notebooks in them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from nbexp.errors import UsageError
from nbexp.server import Store, open_store

FILES = ("a b/first.ipynb", "a b/deep/second.ipynb", "plain.ipynb", "notes <1>.txt", "empty.txt")
HIDDEN = (".secret", ".hidden/n.ipynb", "a b/.hidden.ipynb")


def content(path: str) -> bytes:
    if path == "empty.txt":
        return b""
    cell = {"cell_type": "code", "source": f"print({path!r})", "outputs": [], "metadata": {}}
    papermill = {"parameters": {"lr": 0.5}}
    notebook = {"cells": [cell], "metadata": {"papermill": papermill}, "nbformat": 4}
    return json.dumps(notebook | {"nbformat_minor": 4}).encode()


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(params=["folder", "bucket", "prefix"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    if request.param == "folder":
        for path in (*FILES, *HIDDEN):
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_bytes(content(path))
        return open_store(str(tmp_path))
    for name, value in {
        "AWS_ENDPOINT_URL": request.getfixturevalue("endpoint"),
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3")
    client.create_bucket(Bucket=request.param)
    prefix = "team/x/" if request.param == "prefix" else ""
    for path in (*FILES, *HIDDEN):
        client.put_object(Bucket=request.param, Key=prefix + path, Body=content(path))
    client.put_object(Bucket=request.param, Key="team/secret.ipynb" if prefix else "a b/", Body=b"")
    return open_store(f"s3://{request.param}/{prefix}")


def test_folders_list_what_is_not_hidden(store: Store) -> None:
    assert {(entry.path, entry.is_folder) for entry in store.list("")} == {
        ("a b", True), ("plain.ipynb", False), ("notes <1>.txt", False), ("empty.txt", False),
    }  # fmt: skip
    inside = {entry.path: entry.size for entry in store.list("a b")}
    assert inside == {"a b/deep": 0, "a b/first.ipynb": len(content("a b/first.ipynb"))}


def test_notebooks_are_found_beneath(store: Store) -> None:
    notebooks = [path for path in FILES if path.endswith(".ipynb")]
    assert sorted(entry.path for entry in store.notebooks("")) == sorted(notebooks)
    assert {entry.path for entry in store.notebooks("a b")} == set(notebooks[:2])


def test_files_are_read_whole_and_in_part(store: Store) -> None:
    whole = content("plain.ipynb")
    assert store.read("plain.ipynb") == whole
    assert store.read("plain.ipynb", 3, 5) == whole[3:8]
    assert store.read("plain.ipynb", len(whole) - 2, 50) == whole[-2:]
    assert store.read("empty.txt") == b""


def test_entries_tell_what_is_there(store: Store) -> None:
    folder, file = store.stat("a b"), store.stat("plain.ipynb")
    assert folder
    assert folder.is_folder
    assert file
    assert (file.is_folder, file.size) == (False, len(content("plain.ipynb")))
    assert file.changed > 1_000_000_000
    assert store.stat("")


@pytest.mark.parametrize(
    "path", ["none.ipynb", "a", ".secret", ".hidden", "../secret.ipynb", "a b/..", "a b//", "/etc"]
)
def test_what_is_hidden_or_outside_is_not_there(store: Store, path: str) -> None:
    assert store.stat(path) is None
    assert store.list(path) == []
    with pytest.raises(FileNotFoundError):
        store.read(path)


def test_pages_of_a_store(store: Store, serve) -> None:
    with serve(store) as served:
        assert "a%20b/" in served.get("/browse/").text
        assert "print" in served.get("/notebook/a%20b/deep/second.ipynb").text
        assert "2 notebooks" in served.get("/search/a%20b/?q=lr%3D0.5").text
        assert served.get("/raw/plain.ipynb").body == content("plain.ipynb")
        assert served.get("/raw/empty.txt").status == 200
        assert served.get("/raw/.secret").status == 404


@pytest.mark.parametrize(
    ("place", "message"),
    [("s3://none", "can't be read: .*NoSuchBucket"), ("s3://there/none", "There is nothing at"),
     ("s3://", "can't be read"), ("none", "is no folder")],
)  # fmt: skip
def test_places_that_can_not_be_read_are_said_to_be(
    endpoint: str, monkeypatch: pytest.MonkeyPatch, place: str, message: str
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    boto3.client("s3").create_bucket(Bucket="there")
    with pytest.raises(UsageError, match=message):
        open_store(place)
