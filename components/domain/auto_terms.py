"""The conditions and formulas that the rules of recipe `auto` are written in (`components.domain.auto_rules`)."""

import re
from dataclasses import replace

from components.domain.auto import Formula, Known, When, as_text
from components.domain.networks import FEATURES
from components.domain.recipe import FROM_SCRATCH
from components.domain.search_space import USUAL, SearchSpace

EPOCH_MINUTES = 5
"""On processors, images get smaller until an epoch of fine-tuning takes no longer."""
TUNING_MINUTES = 30
"""What the fine-tuning of one model may take on processors."""
SIDES = (224, 192, 160, 128, 96)
MEMORY_SHARE = 0.5
"""Of the memory, for a batch; the rest is for weights, optimiser, images and others."""
BIG, HUGE = 2_000, 20_000
"""Images from which a data set is not small any more, and large."""

_SOMETHING = re.compile(r"malign\w*|cancer\w*|carcinoma|tumou?r|positive|pos|idc", re.IGNORECASE)
_NOTHING = re.compile(r"benign\w*|normal|negative|neg|non|not|no|healthy", re.IGNORECASE)
_NAMED = {"malignant", "1", "M"}  # the recipe's default


def positives(labels: list[str]) -> tuple[str, ...]:
    """Return the classes whose names say that something was found.

    >>> positives(["breast_benign", "breast_malignant"]), positives(["tumor", "non tumor"]), positives(["cats", "dogs"])
    (('breast_malignant',), ('tumor',), ())
    """

    def says(pattern: re.Pattern[str], label: str) -> bool:
        return any(pattern.fullmatch(word) for word in re.split(r"[\W_]+", label))

    return tuple(label for label in labels if says(_SOMETHING, label) and not says(_NOTHING, label))


def layout(*names: str) -> When:
    """Return the condition that the source is laid out in one of these ways."""
    return When(f"layout {' or '.join(names)}", lambda k: k.data.layout in names)


def below(count: int) -> When:
    """Return the condition that there are fewer images."""
    return When(f"fewer than {count:,} images", lambda k: k.data.images < count)


def task(name: str) -> When:
    """Return the condition that this task was chosen."""
    return When(f"task {name}", lambda k: k.chosen["task"] == name)


ALWAYS = When("always", lambda _: True)
ELSE = When("else", lambda _: True)
GRAY = When("images in gray", lambda k: k.data.gray)
COLOUR = When("in colour", lambda k: not k.data.gray)
ONE_CELL = When("classes B and M and no others", lambda k: set(k.data.classes) == {"B", "M"})
ODD_NAMES = When(
    "no class malignant, 1 or M, but one named like cancer, tumor or positive",
    lambda k: not _NAMED & set(k.data.classes) and bool(positives(list(k.data.classes))),
)
OWN = When("you set a backbone without published weights", lambda k: k.chosen.get("backbone") in FROM_SCRATCH)
FILE = When("a file of weights is given", lambda k: bool(k.data.fits))
REACHED = When("ImageNet weights are here or can be downloaded", lambda k: k.data.imagenet)
SCRATCH = When("no weights to start from", lambda k: k.scratch)
SMALL_NET = When("backbone convnet", lambda k: k.chosen["backbone"] == "convnet")
GPU = When("a GPU", lambda k: k.data.machine.accelerators > 0)
NO_GPU = When("no GPU", lambda k: not k.data.machine.accelerators)
PLENTY = When(f"{HUGE:,} images or more", lambda k: k.data.images >= HUGE)
OBLONG = When("sides differ by more than a quarter", lambda k: k.data.oblong > 1.25)
GIVEN = When("the source comes divided into train and test", lambda k: k.data.given_split)
SMALL = below(HUGE)
UNEVEN = When("one class is over 1.5 times another", lambda k: k.data.imbalance > 1.5)
NO_FROZEN = When("epochs is 0", lambda k: k.chosen["epochs"] == 0)
FEW_LEARN = When("fewer than 1,000 images to train on", lambda k: k.train_images < 1_000)


def _fitting(known: Known, most: int, least: int) -> int:
    return max(least, min(most, 32 * -(-known.data.short_side // 32)))


def side(most: int, least: int) -> Formula:
    """Return the side of images from that of the source: nothing is thrown away, and little is invented."""
    return Formula(f"next multiple of 32 above the shorter side, {least} to {most}", lambda known: _fitting(known, most, least))


def _affordable(known: Known) -> int:
    fast = next((each for each in SIDES if known.train_images <= known.rate(each) * 60 * EPOCH_MINUTES), SIDES[-1])
    return _fitting(known, fast, SIDES[-1])


def batch(most: int) -> Formula:
    """Return the batch: what the memory holds, and no more than gives an epoch ten steps. Several GPUs share a batch."""

    def of(known: Known) -> int:
        machine = known.data.machine
        memory = machine.accelerators * machine.accelerator_memory if machine.accelerators else machine.memory
        room = MEMORY_SHARE * memory * 1024 / known.image_memory
        return int(2 ** (int(max(1.0, min(most, room, max(8, known.train_images / 10)))).bit_length() - 1))

    words = f"power of two up to {most}, {MEMORY_SHARE:.0%} of the memory / MiB of an image, and a tenth of the images or 8"
    return Formula(words, of)


def passes(images: int, least: int, most: int) -> Formula:
    """Return epochs in which so many images are seen."""
    return Formula(f"{images:,} / images to train on, {least} to {most}", lambda known: max(least, min(most, images // known.train_images)))


def _tuning(known: Known) -> int:
    return max(2, min(15, int(TUNING_MINUTES / known.minutes)))


def _views(known: Known) -> int:
    size = known.train_images * FEATURES * 4 / 2**30
    fit = int(known.data.machine.memory / 4 / size)
    return max(1, min(1 if known.train_images >= 50_000 else 2 if known.train_images >= 5_000 else 4, fit))


AFFORDABLE = Formula(f"as the shorter side, {SIDES[-1]} to {SIDES[0]}, an epoch within {EPOCH_MINUTES} minutes", _affordable)
TUNING = Formula(f"{TUNING_MINUTES} minutes, 2 to 15 epochs", _tuning)
VIEWS = Formula("4; 2 from 5,000 and 1 from 50,000 images to train on; their embeddings in a quarter of the memory", _views)
HALF = Formula("the last half", lambda known: known.network.layers // 2)
SEARCH_SCRATCH = SearchSpace(learning_rate=(5e-4, 6e-3), dropout=(0.0, 0.5))
SEARCH_WIDE = replace(SEARCH_SCRATCH, augmentation_strength=(0.5, 1.5))


def _with_batches(space: SearchSpace) -> Formula:
    """Return a search space with half the batch beside the one that the memory allows."""

    def of(known: Known) -> SearchSpace:
        most = int(known.chosen["batch_size"])
        return replace(space, batch_size=(most // 2, most) if most > 1 else ())

    return Formula(f"{as_text(space)} batch_size=[half, batch_size]", of)


SEARCH_HEAD = _with_batches(USUAL)
SEARCH_BOTH = _with_batches(replace(USUAL, fine_tune_learning_rate=(3e-5, 3e-4), augmentation_strength=(0.5, 1.5)))
OF_FILE = Formula("that of the file", lambda known: known.data.fits)
FOUND = Formula("the classes named so", lambda known: positives(list(known.data.classes)))
