"""What frozen layers answer to images, computed once and kept on disk: studies, seeds and later runs share it.

A file's name is the digest of all that decides it: the weights and place of the layers, the pixels, the policy and its seed, the number
of views. Whoever comes while it is written waits for it. What was not used for some time goes, and so does the oldest beyond a size.
"""

import fcntl
import hashlib
import json
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt

from components.domain.augmentation import Augmentation
from components.learning import augmentation
from components.learning.scores import Floats, Targets

BATCH = 64
"""Images that pass the frozen layers together."""
KEPT_DAYS = 14
KEPT_BYTES = 20 * 2**30
"""Of all that is kept; what a run needs itself stays whatever its size."""
logger = logging.getLogger(__name__)


def pixels_digest(pixels: npt.NDArray[np.uint8], rows: Targets) -> str:
    """Return the digest of some rows of the pixels, in their order."""
    digest = hashlib.sha256(repr((len(rows), pixels.shape[1:])).encode())
    for start in range(0, len(rows), BATCH):
        digest.update(np.ascontiguousarray(pixels[rows[start : start + BATCH]]).data)
    return digest.hexdigest()


def key(model: keras.Model, policy: Augmentation, pixels: str, *, views: int, seed: int) -> str:
    """Return the digest of all that decides what a frozen model answers to images and their changed copies.

    Args:
        model: float [N, S, S, 3] -> features; its weights tell its preprocessing too, as far as it has any, and its layers the rest.
        policy: of the changed copies.
        pixels: digest of the images (`pixels_digest`).
        views: of each image.
        seed: of the policy.
    """
    layers = [(type(layer).__name__, _settings(layer)) for layer in model._flatten_layers(include_self=False)]
    parts = (keras.version(), keras.backend.backend(), BATCH, layers, repr(policy), pixels, views, seed if views > 1 else 0)
    digest = hashlib.sha256(json.dumps(parts, default=str).encode())
    for weight in model.get_weights():
        digest.update(np.ascontiguousarray(weight).data)
    return digest.hexdigest()[:32]


def _settings(layer: keras.layers.Layer) -> object:
    """Return a layer's settings but for its name, which counts how many were made, and those of nested models, which come by themselves."""
    if isinstance(layer, keras.Model):
        return None
    return {name: value for name, value in layer.get_config().items() if name not in ("name", "trainable", "build_config")}


def features(
    model: keras.Model,
    pixels: npt.NDArray[np.uint8],
    rows: Targets,
    policy: Augmentation,
    *,
    views: int,
    seed: int,
    store: Path | None,
    digest: str,
) -> Floats:
    """Pass images through a frozen model: first as they are, then changed copies, view after view.

    Args:
        model: float [N, S, S, 3] -> features.
        pixels: uint8 [M, S, S, 3].
        rows: int [n], which of them.
        policy: changes all views but the first.
        views: of each image, at least 1.
        seed: of the policy.
        store: directory where answers are kept; None computes them in memory.
        digest: of those pixels (`pixels_digest`); read only where there is a store.

    Returns:
        float32 [views * n, ...]; memory-mapped from the store.
    """
    shape = (views * len(rows), *model.output_shape[1:])
    if store is None:
        found = np.empty(shape, dtype=np.float32)
        _fill(found, model, pixels, rows, policy, views=views, seed=seed)
        return found
    name = key(model, policy, digest, views=views, seed=seed)
    path = store / f"{name}.npy"
    with _alone(store, name):
        if not path.is_file():
            partial = path.with_suffix(".part")
            target = np.lib.format.open_memmap(partial, mode="w+", dtype=np.float32, shape=shape)
            _fill(target, model, pixels, rows, policy, views=views, seed=seed)
            target.flush()
            partial.replace(path)
        else:
            logger.info("features of %d images, %d views, are taken from an earlier computation", len(rows), views)
            os.utime(path)
    clear(store, but=path)
    return np.asarray(np.load(path, mmap_mode="r"))


def clear(store: Path, *, but: Path) -> None:
    """Remove what was not used for `KEPT_DAYS`, and the oldest beyond `KEPT_BYTES`, but not one file."""
    kept = 0
    for path in sorted(store.glob("*.npy"), key=lambda each: each.stat().st_mtime, reverse=True):
        state = path.stat()
        kept += state.st_size
        if path != but and (kept > KEPT_BYTES or time.time() - state.st_mtime > KEPT_DAYS * 86400):
            path.unlink(missing_ok=True)
            path.with_suffix(".lock").unlink(missing_ok=True)


@contextmanager
def _alone(store: Path, name: str) -> Iterator[None]:
    store.mkdir(parents=True, exist_ok=True)
    with (store / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _fill(
    target: Floats, model: keras.Model, pixels: npt.NDArray[np.uint8], rows: Targets, policy: Augmentation, *, views: int, seed: int
) -> None:
    """Compute all views into a target.

    The policy is called outside the model: inside it, predicting would switch it off whatever its call says.
    """
    change = augmentation.build(policy, pixels.shape[1], seed=seed)
    count = len(rows)
    for view in range(views):
        if view:
            logger.info("features of %d training images, view %d of %d", count, view, views - 1)
        for start in range(0, count, BATCH):
            batch = np.asarray(pixels[rows[start : start + BATCH]], dtype=np.float32)
            answer = model.predict_on_batch(change(batch, training=True) if view else batch)
            target[view * count + start : view * count + start + len(batch)] = answer[: len(batch)]
