"""Where a backbone's first weights come from: `imagenet`, `none`, a file or an `s3://` address."""

import hashlib
from pathlib import Path

from components.domain.errors import InputError


def resolve(weights: str, *, cache: Path) -> str | None:
    """Return what Keras takes as weights: `imagenet`, the path of a local file, or None for training from scratch.

    Args:
        weights: as the user named them.
        cache: directory for what is downloaded.

    Raises:
        InputError: if they cannot be had; the message names the remedy.
    """
    if weights == "none":
        return None
    if weights == "imagenet":
        return weights
    if weights.startswith("s3://"):
        return str(_s3(weights, cache))
    if not Path(weights).is_file():
        raise InputError(f"--weights must be imagenet, none, a file or s3://bucket/key, but got {weights!r}; name an existing file")
    return weights


def _s3(address: str, cache: Path) -> Path:
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    bucket, _, key = address.removeprefix("s3://").partition("/")
    target = cache / "weights" / hashlib.sha256(address.encode()).hexdigest()[:16] / Path(key).name
    if target.is_file():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(target.name + ".part")
    try:
        boto3.client("s3").download_file(bucket, key, str(partial))
    except (BotoCoreError, ClientError, ValueError) as error:
        raise InputError(f"weights {address} must be readable, but are not ({error}); check the address and the AWS_* variables") from None
    return partial.rename(target)
