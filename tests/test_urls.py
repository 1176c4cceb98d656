"""Folders of any name, as SQLAlchemy and MLflow take them in addresses."""

from __future__ import annotations

from pathlib import Path

import pytest

from nbexp.tracking.connection import Connection
from nbexp.urls import folder_address, local_path, sqlite_file, sqlite_url, without_password

# MLflow's own tables use what SQLAlchemy deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated")

# fmt: off
PLAIN = ("a b", "a#b", "a;b", "a&b", "a:b", "a'b", 'a"b', "a\\b", "a@b", "größe", "a\nb", "a+b",
         "a[b]", "{a}", "a=b", "~", "$HOME", "*", "<a>", "a|b", "`a`", "a,b", "a!", "\t")
SPECIAL = ("what?", "my%20project", "?", "%", "100%", "a%3Fb", "a%2Fb", "a%252Fb", "a%(b)s",
           "a?b=c&uri=true%20", "a#?%;b")
# fmt: on


@pytest.mark.parametrize("name", [*PLAIN, *SPECIAL])
def test_address_of_a_database_leads_to_it(name):
    for file in (Path("/top") / name / "mlflow.db", Path("/top") / name / "b" / name / "m%20?.db"):
        assert sqlite_file(sqlite_url(file)) == file
        assert local_path(file.as_uri()) == file
        assert local_path(folder_address(file)) == file


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///", "sqlite:///:memory:", "http://a/b.db"])
def test_other_addresses_are_no_files(url):
    assert sqlite_file(url) is None


@pytest.mark.parametrize("name", ["".join(PLAIN), *SPECIAL])
def test_mlflow_tracks_into_the_folder_and_makes_no_other(tmp_path, name):
    folder = tmp_path / name
    folder.mkdir()
    connection = Connection(sqlite_url(folder / "mlflow.db"))
    try:
        experiment = connection.make_experiment("digits")
        client = connection.client()
        run = client.create_run(experiment).info.run_id
        client.log_text(run, "content", "a/b.txt")
        assert [item.path for item in client.list_artifacts(run, "a")] == ["a/b.txt"]
    finally:
        connection.close()
    assert (folder / "mlartifacts/digits" / run / "artifacts/a/b.txt").read_text() == "content"
    assert {path.name for path in folder.iterdir() if path.name[0] != "."} == {
        "mlflow.db", "mlartifacts",
    }  # fmt: skip
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://user:pAs@127.0.0.1:5000", "http://***@127.0.0.1:5000"),
        ("to https://u:p@w@host/x?q=a@b failed", "to https://***@host/x?q=a@b failed"),
        ("http://host/a@b", "http://host/a@b"),
        ("sqlite:////a@b/c.db", "sqlite:////a@b/c.db"),
    ],
)
def test_texts_show_no_password(text: str, shown: str) -> None:
    assert without_password(text) == shown
