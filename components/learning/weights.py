"""Where a backbone's first weights come from: `imagenet`, `none`, a file or an `s3://` address."""

import hashlib
from pathlib import Path

import h5py

from components.domain.errors import InputError
from components.domain.networks import NETWORKS, SLACK, network_of
from components.domain.recipe import Backbone


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


def numbers_in(file: Path) -> int | None:
    """Return how many numbers a file of weights holds, without an optimiser's; None if it is no HDF5 file.

    By this the network is known (`components.domain.networks.network_of`): names of layers differ between the formats that Keras wrote
    over the years, and between networks that were renamed. Reads no weights, so it takes milliseconds.
    """
    total = 0

    def count(name: str, item: h5py.Dataset | h5py.Group) -> None:
        nonlocal total
        if isinstance(item, h5py.Dataset) and not name.startswith("optimizer"):
            total += int(item.size or 0)

    try:
        with h5py.File(file, "r") as opened:
            opened.visititems(count)
    except OSError:
        return None
    return total


def require_fits(file: Path, backbone: Backbone) -> None:
    """Check that a file can hold the weights of a backbone; what cannot be told, such as a file with its top, is left to Keras.

    Raises:
        InputError: if it is of another one, or holds too few numbers.
    """
    numbers, need = numbers_in(file), NETWORKS[backbone].parameters
    holds = network_of(numbers or 0)
    if holds not in (None, backbone):
        raise InputError(f"weights must be of {backbone} without its top, but {file} holds {holds}; add --set backbone={holds}")
    if numbers is not None and numbers < need - SLACK:
        raise InputError(
            f"weights must be of {backbone} without its top, {need:,} numbers, but {file} holds {numbers:,}; name another file"
        )


def _s3(address: str, cache: Path) -> Path:
    """Return the file of an object, brought once and again when the object changes."""
    from components.storage.bucket import Address, Bucket

    bucket = Bucket(Address.of(address))
    blob = bucket.objects()[0]
    if blob.key != bucket.address.prefix:
        raise InputError(f"--weights must name one object, but {address} is a prefix above {blob.key}; name the file")
    place = cache / "weights" / hashlib.sha256(f"{bucket.endpoint} {address} {blob.etag}".encode()).hexdigest()[:16]
    target = place / Path(blob.key).name
    if not target.is_file():
        place.mkdir(parents=True, exist_ok=True)
        bucket.fetch(blob, target, parts=place)
    return target
