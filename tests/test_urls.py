"""Folders of any name, as SQLAlchemy and MLflow take them in addresses."""

from __future__ import annotations

from pathlib import Path

import pytest

from nbexp.tracking.connection import Connection
from nbexp.urls import (
    folder_address,
    local_path,
    passwords,
    split_login,
    sqlite_file,
    sqlite_url,
    without_password,
)

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
        (
            "http://host:5000/a@b and http://host:5000?a@b",
            "http://host:5000/a@b and http://host:5000?a@b",
        ),
        ("'postgresql://u:p/w#@host/db'", "'postgresql://***@host/db'"),
        ("mysql://host/db?user=u&Password=p/w&x=1", "mysql://host/db?user=u&Password=***&x=1"),
    ],
)
def test_texts_show_no_password(text: str, shown: str) -> None:
    assert without_password(text) == shown


@pytest.mark.parametrize(
    ("uri", "found"),
    [
        ("http://user:pAs@127.0.0.1:5000", ["pAs"]),
        ("http://user:p%40s@host", ["p%40s", "p@s"]),
        ("https://tOkEn@host", ["tOkEn"]),
        ("postgresql+psycopg2://u:p/w@host:5432/db", ["p/w"]),
        ("mysql://host/db?user=u&password=pAs", ["pAs"]),
        ("http://host:5000/a@b", []),
        ("sqlite:////a@b:c/d@e.db", []),
        ("databricks", []),
    ],
)
def test_passwords_are_found_in_addresses(uri: str, found: list[str]) -> None:
    assert passwords(uri) == found
    assert not any(password in without_password(uri) for password in found)


@pytest.mark.parametrize(
    ("uri", "server", "login"),
    [
        ("http://u%20u:p%40s@host:1/x?a=b", "http://host:1/x?a=b", ("u u", "p@s")),
        ("https://tOkEn@host", "https://tOkEn@host", ()),
        ("postgresql://u:p@host/db", "postgresql://u:p@host/db", ()),
        ("http://host/a@b", "http://host/a@b", ()),
    ],
)
def test_login_of_a_server_is_apart_from_its_address(
    uri: str, server: str, login: tuple[str, ...]
) -> None:
    found, variables = split_login(uri)
    assert (found, tuple(variables.values())) == (server, login)
