"""Random fields that tissue and ultrasound are painted with: smooth noise, fibres, wobbly outlines. Functions on arrays.

Every generator is keyed by integers, so that an image depends on its own key alone and not on who painted before it.
Images are small, so fields are float32; nothing here calls BLAS, whose threads could change the last bit.
"""

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage

Field = npt.NDArray[np.float32]
"""float32, [height, width]."""


def generator(seed: int, *key: int) -> np.random.Generator:
    """Return the random generator of one thing, named by non-negative integers."""
    return np.random.default_rng([seed, *key])


def smooth_field(rng: np.random.Generator, shape: tuple[int, int], scale: float) -> Field:
    """Return noise of about unit variance that varies over `scale` pixels: float32 `shape`.

    White noise on a grid of that pitch, enlarged by bicubic interpolation.
    """
    rows, columns = (int(np.ceil(side / scale)) + 3 for side in shape)
    coarse = Image.fromarray(rng.standard_normal((rows, columns), dtype=np.float32))
    enlarged = coarse.resize((round(columns * scale), round(rows * scale)), Image.Resampling.BICUBIC)
    top, left = (int(value) for value in rng.integers(0, max(1, int(scale)), 2))
    return np.asarray(enlarged, dtype=np.float32)[top : top + shape[0], left : left + shape[1]] * np.float32(1.25)


def fibre_field(u: Field, v: Field, rng: np.random.Generator, *, along: float, across: float) -> Field:
    """Return noise drawn out along `u`: float32 of the shape of `u`, about unit variance.

    Args:
        u: coordinate along the fibres, in pixels; bend it and the fibres bend.
        v: coordinate across them, in pixels.
        rng: source of the noise.
        along: length over which a fibre changes, in pixels.
        across: pitch of the fibres, in pixels.
    """
    noise = rng.standard_normal((256, 64), dtype=np.float32)
    drawn = ndimage.map_coordinates(noise, [v / across, u / along], order=1, mode="grid-wrap", output=np.float32)
    return np.asarray(drawn * np.float32(1.5), dtype=np.float32)


def soft_step(values: Field, width: float) -> Field:
    """Return 0 below, 1 above and a smooth edge of about `width` around zero: a mask without jagged edges."""
    return np.asarray(0.5 + 0.5 * np.tanh(values / np.float32(width)), dtype=np.float32)


def window_around(shape: tuple[int, int], y: float, x: float, reach: float) -> tuple[slice, slice]:
    """Return the rows and columns within `reach` pixels of a point, cut off at the edges of `shape`; empty if it lies far outside."""
    r = int(reach) + 3
    return slice(max(0, int(y) - r), max(0, min(shape[0], int(y) + r))), slice(max(0, int(x) - r), max(0, min(shape[1], int(x) + r)))


def polar_around(window: tuple[slice, slice], y: float, x: float) -> tuple[Field, Field]:
    """Return distance and angle from a point, over a window."""
    dy = np.arange(window[0].start, window[0].stop, dtype=np.float32)[:, None] - np.float32(y)
    dx = np.arange(window[1].start, window[1].stop, dtype=np.float32)[None, :] - np.float32(x)
    return np.hypot(dy, dx), np.arctan2(dy, dx)


class Outline:
    """A closed, star-shaped curve: an ellipse with waves on it, as radius by angle."""

    def __init__(self, rng: np.random.Generator, *, radius: float, aspect: float, angle: float, rough: float, waves: int = 6) -> None:
        """Draw the waves.

        Args:
            rng: source of amplitudes and phases.
            radius: mean radius in pixels.
            aspect: length over width of the ellipse.
            angle: of its long axis, in radians.
            rough: amplitude of the waves as a share of the radius.
            waves: number of harmonics, from the second on.
        """
        self.radius, self.aspect, self.angle = radius, aspect, angle
        self._orders = np.arange(2, 2 + waves)
        self._amplitudes = rng.normal(0, rough, waves) / np.sqrt(np.arange(1, waves + 1))
        self._phases = rng.uniform(0, 2 * np.pi, waves)

    def at(self, theta: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
        """Return the radius in pixels at each angle."""
        turned = theta - self.angle
        root = np.sqrt(self.aspect)
        ellipse = self.radius / np.sqrt((np.cos(turned) / root) ** 2 + (np.sin(turned) * root) ** 2)
        waves = np.ones_like(theta)
        for order, amplitude, phase in zip(self._orders, self._amplitudes, self._phases, strict=True):
            waves = waves + amplitude * np.cos(order * theta + phase)
        return np.asarray(ellipse * np.clip(waves, 0.3, 1.9))

    @property
    def reach(self) -> float:
        """Largest radius in pixels, sampled."""
        return float(self.at(np.linspace(0, 2 * np.pi, 64)).max())
