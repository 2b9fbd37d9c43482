"""Talk to an S3-compatible store: what lies under a prefix, and one object brought to the disk whole.

Credentials, region and endpoint come from the usual places of AWS (`AWS_*`, profiles); with an endpoint of one's own, addresses are
path-style, which every such store understands. A broken connection continues where it broke, also in a later run.
"""

import hashlib
import json
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.domain.errors import InputError

logger = logging.getLogger(__name__)
SCHEME = "s3://"
THREADS = 16
TRIES = 5
CONNECT_SECONDS, READ_SECONDS = 10, 60
"""After which a store that says nothing has failed, and is asked again."""
CHUNK = 2**20
_PLAIN_MD5 = 32
_REFUSED = {"403", "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken"}


@dataclass(frozen=True)
class Address:
    """`s3://bucket/prefix`."""

    bucket: str
    prefix: str

    @classmethod
    def of(cls, text: str) -> "Address":
        """Read an address.

        Raises:
            InputError: if it names no bucket.
        """
        bucket, _, prefix = text.removeprefix(SCHEME).partition("/")
        if not bucket:
            raise InputError(f"an S3 address must be written s3://bucket/prefix, but got {text!r}; name the bucket")
        return cls(bucket, prefix.rstrip("/"))

    def __str__(self) -> str:
        """Return the address as a user writes it."""
        return f"{SCHEME}{self.bucket}/{self.prefix}".rstrip("/")


@dataclass(frozen=True)
class Blob:
    """An object in a bucket: its key, its size in bytes and its ETag, which changes with its content."""

    key: str
    size: int
    etag: str


class Bucket:
    """A bucket as one user sees it."""

    def __init__(self, address: Address) -> None:
        import boto3
        from botocore.config import Config

        self.address = address
        self.endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""
        style = {"addressing_style": "path"} if self.endpoint else {}
        config = Config(
            s3=style,
            max_pool_connections=THREADS,
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retries={"mode": "standard", "max_attempts": TRIES},
        )
        with self._told():
            self._client: Any = boto3.Session().client("s3", config=config)  # the default session keeps the credentials of its first use

    def objects(self) -> list[Blob]:
        """List what lies under the prefix, or the one object that has exactly its key.

        Raises:
            InputError: if there is nothing, or the store refuses.
        """
        found = list(self._list(f"{self.address.prefix}/" if self.address.prefix else "", most=None))
        if not found and self.address.prefix:
            found = [each for each in self._list(self.address.prefix, most=1) if each.key == self.address.prefix]
        if not found:
            raise InputError(f"an S3 address must lead to objects, but there is none under {self.address}; check bucket and prefix")
        return found

    def _list(self, prefix: str, *, most: int | None) -> Iterator[Blob]:
        pages = self._client.get_paginator("list_objects_v2")
        with self._told():
            for page in pages.paginate(Bucket=self.address.bucket, Prefix=prefix, PaginationConfig={"MaxItems": most}):
                for each in page.get("Contents", ()):
                    yield Blob(each["Key"], int(each["Size"]), str(each["ETag"]).strip('"'))

    def fetch(self, blob: Blob, target: Path, *, parts: Path) -> str:
        """Bring an object to the disk and return its SHA-256 (hex).

        Args:
            blob: as listed; if it has changed since, that is an error.
            target: where it goes, when it is whole and its checksum is right.
            parts: folder of unfinished downloads, from which a later one continues.
        """
        part = parts / f"{hashlib.sha256(f'{blob.key} {blob.etag}'.encode()).hexdigest()[:40]}.part"
        with self._told():
            for attempt in range(1, TRIES + 1):
                try:
                    self._continue(blob, part)
                except Exception as error:
                    if attempt == TRIES or not _is_broken_stream(error):
                        raise
                    logger.info("%s broke off (%s), continuing", blob.key, type(error).__name__)
                    time.sleep(0.2 * 2**attempt)
                    continue
                digest = self._check(blob, part)
                if digest is not None:
                    target.parent.mkdir(parents=True, exist_ok=True)
                    part.replace(target)
                    return digest
                part.unlink()
        raise InputError(
            f"{SCHEME}{self.address.bucket}/{blob.key} does not arrive as it was stored (checksum); check the store, run again"
        )

    def _continue(self, blob: Blob, part: Path) -> None:
        have = part.stat().st_size if part.exists() else 0
        if have > blob.size:
            part.unlink()
            have = 0
        if have == blob.size and part.exists():
            return
        rest = {"Range": f"bytes={have}-"} if have else {}
        answer = self._client.get_object(Bucket=self.address.bucket, Key=blob.key, IfMatch=f'"{blob.etag}"', **rest)
        whole = answer["ResponseMetadata"]["HTTPStatusCode"] == 200
        with part.open("wb" if whole else "ab") as file:
            for chunk in answer["Body"].iter_chunks(CHUNK):
                file.write(chunk)

    def _check(self, blob: Blob, part: Path) -> str | None:
        """Return the SHA-256 of a downloaded object, None if it is not what was stored."""
        sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
        with part.open("rb") as file:
            while chunk := file.read(CHUNK):
                sha256.update(chunk)
                md5.update(chunk)
        if part.stat().st_size != blob.size:
            return None
        if len(blob.etag) == _PLAIN_MD5 and md5.hexdigest() != blob.etag:  # of parts (`-`) or under a key of the customer: no MD5
            head = self._client.head_object(Bucket=self.address.bucket, Key=blob.key)
            if "aws:kms" not in head.get("ServerSideEncryption", "") and "SSECustomerAlgorithm" not in head:
                return None
        return sha256.hexdigest()

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn what goes wrong with the store into one line with its remedy."""
        from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError

        try:
            yield
        except (NoCredentialsError, PartialCredentialsError):
            raise InputError(
                f"{self.address} needs credentials, but none are set; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
            ) from None
        except ClientError as error:
            raise InputError(self._refusal(error.response.get("Error", {}))) from None
        except OSError as error:
            raise InputError(
                f"{self.address} cannot be written to the cache ({error.strerror}); free some space, check the rights"
            ) from None
        except (BotoCoreError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise InputError(f"{self.address} cannot be read ({reason}); check the address, AWS_ENDPOINT_URL_S3 and AWS_REGION") from None

    def _refusal(self, error: dict[str, str]) -> str:
        code = error.get("Code", "unknown")
        store = self.endpoint or "AWS"
        if code == "NoSuchBucket":
            return f"there is no bucket {self.address.bucket!r} at {store}; check its name and AWS_ENDPOINT_URL_S3"
        if code in _REFUSED:
            return (
                f"{store} refuses these credentials for {self.address} ({code}); check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and rights"
            )
        if code in ("412", "PreconditionFailed"):
            return f"{self.address} changed while it was read; run again"
        return f"{store} does not give {self.address} ({code}: {' '.join(error.get('Message', '').split())}); check the address"


def _is_broken_stream(error: Exception) -> bool:
    from botocore.exceptions import FlexibleChecksumError, HTTPClientError, IncompleteReadError
    from urllib3.exceptions import HTTPError

    return isinstance(error, HTTPClientError | IncompleteReadError | HTTPError | ConnectionError | FlexibleChecksumError)


def read_index(file: Path) -> dict[str, tuple[int, str]]:
    """Return size and ETag of each key that an index says was brought; a line that was cut off is as if it were not there."""
    found: dict[str, tuple[int, str]] = {}
    if not file.exists():
        return found
    for line in file.read_text(encoding="utf-8").splitlines():
        try:
            entry = json.loads(line)
            found[entry["key"]] = entry["size"], entry["etag"]
        except (ValueError, KeyError, TypeError):
            continue
    return found
