"""Folders into S3, or a store that speaks as it does."""

from __future__ import annotations

import mimetypes
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from nbexp.errors import NbexpError, UsageError

_AT_ONCE = 8


def upload_folder(folder: Path, uri: str, *, last: Sequence[str] = ()) -> str:
    """Copy a folder into a bucket; what was there under the same names is replaced.

    Credentials, region and ``AWS_ENDPOINT_URL`` are found as boto3 finds them.

    Args:
        folder: The folder.
        uri: Where it goes, such as ``s3://bucket/reports/digits``.
        last: Names of files that are copied once all others are there.

    Returns:
        The URI, without a slash at its end.

    Raises:
        UsageError: The URI names no bucket.
        NbexpError: The store can't be reached, or refuses.
    """
    import boto3
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError

    parts = urlsplit(uri)
    if parts.scheme != "s3" or not parts.netloc:
        raise UsageError(f"expected s3://BUCKET/PREFIX, got {uri!r}")
    prefix = parts.path.strip("/")
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    final = {folder / name for name in last}
    try:
        client = boto3.client("s3")
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            for group in ([p for p in files if p not in final], [p for p in files if p in final]):
                list(threads.map(lambda p: _upload(client, parts.netloc, prefix, folder, p), group))
    except (Boto3Error, BotoCoreError, ClientError) as error:
        raise NbexpError(
            f"{folder} can't be copied to {uri}: {error}. Check the bucket, your credentials "
            "(AWS_PROFILE, AWS_ACCESS_KEY_ID), and AWS_ENDPOINT_URL for a store other than AWS."
        ) from error
    return f"s3://{parts.netloc}/{prefix}".rstrip("/")


def _upload(client: Any, bucket: str, prefix: str, folder: Path, path: Path) -> None:
    name = path.relative_to(folder).as_posix()
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    extra = {"ContentType": f"{kind}; charset=utf-8" if kind.startswith("text/") else kind}
    client.upload_file(str(path), bucket, f"{prefix}/{name}".lstrip("/"), ExtraArgs=extra)
