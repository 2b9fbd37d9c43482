"""A data set's fingerprint: the few facts about images, weights and machine from which recipe `auto` is chosen.

It is measured without training and in seconds (`components.ingest.fingerprint`, `pipelines.machine`), as nnU-Net measures its own
(Isensee et al., Nature Methods 18 (2021) 203).
"""

from collections.abc import Mapping
from dataclasses import dataclass

GRAY = 0.05
"""Up to this median saturation, (max - min) / max of a pixel's channels, images are gray. Ultrasound with coloured calipers stays below
0.02, stained tissue begins at 0.05 where most of the picture is empty glass, and has 0.2 to 0.5 elsewhere."""


@dataclass(frozen=True)
class Machine:
    """Where training will run.

    Attributes:
        cores: processors that this process may use.
        memory: GiB of main memory that it may use.
        accelerators: how many GPUs the training back end sees.
        accelerator: what they are called; "" without.
        accelerator_memory: GiB of the smallest of them.
    """

    cores: int = 2
    memory: float = 8.0
    accelerators: int = 0
    accelerator: str = ""
    accelerator_memory: float = 0.0

    def words(self) -> str:
        """Return it as people say it."""
        gpu = f"{self.accelerators} x {self.accelerator} with {self.accelerator_memory:.0f} GiB" if self.accelerators else "no GPU"
        return f"{_many(self.cores, 'core')}, {self.memory:.0f} GiB, {gpu}"


@dataclass(frozen=True)
class Fingerprint:
    """What a source and a machine are like, as far as it decides how to train.

    Attributes:
        layout: name of the layout of the source.
        classes: images of each class.
        patients: patients or slides that the layout names; 0 if it names none.
        given_split: somebody divided it into train and test before.
        masks: images with a lesion mask.
        copies: files that are byte for byte another one.
        sampled: images that were decoded for the facts below.
        width, height: median of those, in pixels.
        narrow, wide: 10th and 90th percentile of their width / height.
        saturation: median of their mean saturation.
        machine: where training will run.
        imagenet: the weights of Keras can be had here, from its cache or by a download.
        fits: backbone whose weights the file is that the user named; "" without a file.
    """

    layout: str
    classes: Mapping[str, int]
    patients: int = 0
    given_split: bool = False
    masks: int = 0
    copies: int = 0
    sampled: int = 1
    width: int = 224
    height: int = 224
    narrow: float = 1.0
    wide: float = 1.0
    saturation: float = 0.3
    machine: Machine = Machine()
    imagenet: bool = False
    fits: str = ""

    @property
    def images(self) -> int:
        """Images, each picture once as far as files tell; near duplicates are found later, by ingest."""
        return sum(self.classes.values()) - self.copies

    @property
    def imbalance(self) -> float:
        """Images of the largest class for one of the smallest."""
        return max(self.classes.values()) / min(self.classes.values())

    @property
    def gray(self) -> bool:
        """True if the images have no colour."""
        return self.saturation <= GRAY

    @property
    def short_side(self) -> int:
        """The shorter side of a usual image, in pixels."""
        return min(self.width, self.height)

    @property
    def oblong(self) -> float:
        """How far from a square the images are: longer by shorter side, of those at the edge of the usual."""
        return max(self.wide, 1 / self.narrow)

    def words(self) -> str:
        """Return it in one line."""
        classes = ", ".join(f"{count} {label}" for label, count in self.classes.items())
        parts = [
            f"{self.images} images ({classes})",
            f"layout {self.layout}",
            f"usually {self.width} x {self.height} pixels {'in gray' if self.gray else 'in colour'}",
            *([_many(self.patients, "patient or slide", "patients or slides")] if self.patients else []),
            *([f"{self.masks} with masks"] if self.masks else []),
            *([_many(self.copies, "copy", "copies") + " left out"] if self.copies else []),
            self.machine.words(),
        ]
        return "; ".join(parts)


def _many(count: int, one: str, several: str = "") -> str:
    return f"{count} {one if count == 1 else several or one + 's'}"
