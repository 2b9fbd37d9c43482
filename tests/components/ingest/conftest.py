"""Tiny pictures for the tests of ingest."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

Draw = Callable[..., Path]


def draw_picture(seed: int, side: int = 40) -> Image.Image:
    """Return a picture of coarse random blobs: pictures of different seeds do not look alike, equal seeds are equal."""
    coarse = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC)


@pytest.fixture
def draw(tmp_path: Path) -> Draw:
    """Write pictures into `source/`: `draw({"benign/a.png": 1})` draws seed 1; a bytes value is written as it is."""

    def write(files: dict[str, int | bytes]) -> Path:
        root = tmp_path / "source"
        root.mkdir(exist_ok=True)
        for name, content in files.items():
            file = root / name
            file.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, bytes):
                file.write_bytes(content)
            else:
                draw_picture(content).save(file)
        return root

    return write
