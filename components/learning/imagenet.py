"""The ImageNet weights of Keras: are they on this machine, and can they be brought? Answered without Keras, before any work.

Keras compares each file with its published hash when it loads it, and brings it again where that differs; only of MobileNetV2's it has
none. So a file that is damaged, or holds too little, is refused here.
"""

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
from components.learning.weights import numbers_in, require_fits

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


def keras_home() -> Path:
    """Return the folder that Keras keeps its files in: `KERAS_HOME`, or `~/.keras`."""
    return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")


def kept_file(backbone: Backbone, size: int) -> Path:
    """Return where Keras keeps the weights of a backbone for images of a side."""
    return keras_home() / "models" / _FILES[backbone].format(side=size if size in _SIDES else 224)


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
    """See to it that the weights are on this machine, and whole: Keras brings them once, in a process of its own.

    Raises:
        InputError: if they cannot be had; the message names the remedy.
    """
    kept = kept_file(backbone, size)
    if kept.is_file():
        if numbers_in(kept) is None:
            raise InputError(f"weights imagenet must be a whole HDF5 file, but {kept} is damaged; remove it, and it is downloaded again")
        require_fits(kept, backbone)
        return
    reason = f"{HOST} does not answer"
    if reachable():
        code = f"from components.learning.backbones import build; build({backbone!r}, {size}, 'imagenet')"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1][:200]
    raise InputError(f"weights imagenet must be downloaded once, but that failed ({reason}); name a file with --weights FILE, or none")
