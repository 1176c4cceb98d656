"""Notebooks in a bucket of S3, or of a service that speaks its language."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nbexp.errors import UsageError
from nbexp.server.stores import NOTEBOOK, StoreEntry, is_proper


class S3Store:
    """A prefix of a bucket.

    Credentials are found as boto3 finds them; ``AWS_ENDPOINT_URL`` names another service than
    Amazon's.

    Args:
        url: ``s3://bucket/prefix``.

    Raises:
        UsageError: It can't be read, or there is nothing.
    """

    def __init__(self, url: str) -> None:
        import boto3
        from botocore.exceptions import BotoCoreError, ClientError

        self._bucket, _, prefix = url.removeprefix("s3://").partition("/")
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self.title = url.rstrip("/")
        self._missing = ClientError
        try:
            self._client: Any = boto3.client("s3")
            found = self._client.list_objects_v2(
                Bucket=self._bucket, Prefix=self._prefix, MaxKeys=1
            )
        except (BotoCoreError, ClientError, ValueError) as error:
            raise UsageError(
                f"{url} can't be read: {error} Credentials come from the environment or ~/.aws; "
                "AWS_ENDPOINT_URL names another service than Amazon's."
            ) from error
        if not found.get("KeyCount"):
            raise UsageError(f"There is nothing at {url}.")

    def local(self, path: str) -> Path | None:  # noqa: ARG002 - the protocol's
        """Return None: nothing lies on this machine."""
        return None

    def stat(self, path: str) -> StoreEntry | None:
        """Return what is at a path; None if there is nothing."""
        if not is_proper(path):
            return None
        if path:
            try:
                found = self._client.head_object(Bucket=self._bucket, Key=self._prefix + path)
            except self._missing:
                pass
            else:
                changed = found["LastModified"].timestamp()
                return StoreEntry(path, False, found["ContentLength"], changed)
        inside = next(self._pages(path), {})
        return StoreEntry(path, True) if inside.get("KeyCount") else None

    def list(self, path: str) -> list[StoreEntry]:
        """Return what lies in a folder, in no order."""
        found: list[StoreEntry] = []
        for page in self._pages(path, Delimiter="/"):
            folders = (each["Prefix"].rstrip("/") for each in page.get("CommonPrefixes", ()))
            found += (StoreEntry(key.removeprefix(self._prefix), True) for key in folders)
            found += self._files(page)
        return [entry for entry in found if is_proper(entry.path)]

    def notebooks(self, path: str) -> Iterator[StoreEntry]:
        """Yield the notebooks in a folder and in those beneath."""
        for page in self._pages(path):
            for entry in self._files(page):
                if entry.path.endswith(NOTEBOOK) and is_proper(entry.path):
                    yield entry

    def read(self, path: str, start: int = 0, count: int | None = None) -> bytes:
        """Return a file's bytes from `start` on, at most `count`."""
        if not is_proper(path):
            raise FileNotFoundError(path)
        if count == 0:
            return b""
        last = "" if count is None else start + count - 1
        try:
            found = self._client.get_object(
                Bucket=self._bucket, Key=self._prefix + path, Range=f"bytes={start}-{last}"
            )
        except self._missing as error:
            code = error.response["Error"]["Code"]
            if code == "InvalidRange":  # an empty file, or its end
                return b""
            kind = PermissionError if code in ("AccessDenied", "403") else FileNotFoundError
            raise kind(path) from error
        return bytes(found["Body"].read())

    def _pages(self, path: str, **options: str) -> Iterator[dict[str, Any]]:
        if not is_proper(path):
            return
        prefix = f"{self._prefix}{path}/" if path else self._prefix
        pages = self._client.get_paginator("list_objects_v2")
        yield from pages.paginate(Bucket=self._bucket, Prefix=prefix, **options)

    def _files(self, page: dict[str, Any]) -> Iterator[StoreEntry]:
        for each in page.get("Contents", ()):
            path = each["Key"].removeprefix(self._prefix)
            if not path.endswith("/"):  # such a key stands for an empty folder
                yield StoreEntry(path, False, each["Size"], each["LastModified"].timestamp())
