"""A report in a bucket, of a real S3 server on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from nbexp.artifacts.s3 import upload_folder
from nbexp.errors import NbexpError, UsageError


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    boto3.client("s3").create_bucket(Bucket="reports")
    yield "reports"
    server.stop()


def make(folder: Path) -> Path:
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<p>ünï</p>")
    (folder / "assets" / "a b.js").write_text("1")
    return folder


def test_folder_is_copied_with_its_types(bucket: str, tmp_path: Path) -> None:
    place = upload_folder(make(tmp_path / "report"), f"s3://{bucket}/a/b/", last=["index.html"])
    assert place == "s3://reports/a/b"
    client = boto3.client("s3")
    names = [each["Key"] for each in client.list_objects_v2(Bucket=bucket)["Contents"]]
    assert names == ["a/b/assets/a b.js", "a/b/index.html"]
    page = client.get_object(Bucket=bucket, Key="a/b/index.html")
    assert page["ContentType"] == "text/html; charset=utf-8"
    assert page["Body"].read().decode() == "<p>ünï</p>"


def test_missing_bucket_is_said_so(bucket: str, tmp_path: Path) -> None:
    with pytest.raises(NbexpError, match="Check the bucket"):
        upload_folder(make(tmp_path / "report"), f"s3://{bucket}-2/a")


def test_other_addresses_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="expected s3://BUCKET/PREFIX"):
        upload_folder(tmp_path, "gs://bucket/a")
