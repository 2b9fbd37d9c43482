"""The ImageNet weights of Keras: are they on this machine, and can they be brought? Answered without Keras, before any work."""

import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from components.domain.errors import InputError
from components.domain.recipe import FROM_SCRATCH, Backbone, Recipe

HOST = "https://storage.googleapis.com"
"""From where Keras brings them."""
_SECONDS = 3.0
_FILES: Mapping[Backbone, str] = {
    "mobilenetv2": "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_{side}_no_top.h5",
    "efficientnetb0": "efficientnetb0_notop.h5",
    "densenet121": "densenet121_weights_tf_dim_ordering_tf_kernels_notop.h5",
    "densenet201": "densenet201_weights_tf_dim_ordering_tf_kernels_notop.h5",
    "inceptionv3": "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5",
}
_SIDES = (96, 128, 160, 192, 224)
"""Sides in pixels for which MobileNetV2 has weights of their own; for others Keras takes those of 224."""


def kept_file(backbone: Backbone, size: int) -> Path:
    """Return where Keras keeps the weights of a backbone for images of a side: below `KERAS_HOME`, or `~/.keras`."""
    folder = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "models"
    return folder / _FILES[backbone].format(side=size if size in _SIDES else 224)


def any_kept() -> bool:
    """Tell whether weights of some backbone are on this machine."""
    return any(kept_file(backbone, side).is_file() for backbone in _FILES for side in _SIDES)


def reachable() -> bool:
    """Tell whether the host of the weights answers, whatever it says; through the proxy of the environment, if any."""
    try:
        with urllib.request.urlopen(urllib.request.Request(HOST, method="HEAD"), timeout=_SECONDS):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


def bring_for(recipe: Recipe) -> None:
    """See to it that all weights that a recipe may start from are on this machine, those of its search included.

    Raises:
        InputError: if they cannot be had; the message names the remedy.
    """
    for backbone in {recipe.backbone, *recipe.search.backbone} - set(FROM_SCRATCH):
        for downscale in {recipe.downscale, *recipe.search.downscale}:
            bring(cast("Backbone", backbone), recipe.image_size // downscale)


def bring(backbone: Backbone, size: int) -> None:
    """See to it that the weights are on this machine: Keras brings them once, in a process of its own.

    Raises:
        InputError: if they cannot be had; the message names the remedy.
    """
    if kept_file(backbone, size).is_file():
        return
    reason = f"{HOST} does not answer"
    if reachable():
        code = f"from components.learning.backbones import build; build({backbone!r}, {size}, 'imagenet')"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1][:200]
    raise InputError(f"weights imagenet must be downloaded once, but that failed ({reason}); name a file with --weights FILE, or none")
