"""The rules of recipe `auto`: one table, read from the top; for each setting the first row that holds decides.

`lobule recipes auto` prints it. A rule follows from what is known of images, networks and machines, never from the score on one data set.
"""

import re

from components.domain.auto import Formula, Known, Rule, When
from components.domain.networks import FEATURES
from components.domain.presets._cells import POLICY as CELLS
from components.domain.presets._shared import ALL_LAYERS, SCANS, TISSUE
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
PLENTY = When(f"{HUGE:,} images or more", lambda k: k.data.images >= HUGE)
OBLONG = When("sides differ by more than a quarter", lambda k: k.data.oblong > 1.25)
GIVEN = When("the source comes divided into train and test", lambda k: k.data.given_split)
UNEVEN = When("one class is over 1.5 times another", lambda k: k.data.imbalance > 1.5)
NO_FROZEN = When("epochs is 0", lambda k: k.chosen["epochs"] == 0)
FEW_LEARN = When("fewer than 1,000 images to train on", lambda k: k.train_images < 1_000)
MANY_LEARN = When("5,000 images to train on or more", lambda k: k.train_images >= 5_000)


def _side(most: int, least: int) -> Formula:
    def of(known: Known) -> int:
        return max(least, min(most, 32 * -(-known.data.short_side // 32)))

    return Formula(f"next multiple of 32 above the shorter side, {least} to {most}", of)


def _affordable(known: Known) -> int:
    fast = next((side for side in SIDES if known.train_images <= known.rate(side) * 60 * EPOCH_MINUTES), SIDES[-1])
    return int(_side(fast, SIDES[-1]).of(known))  # type: ignore[arg-type]


def _batch(most: int) -> Formula:
    def of(known: Known) -> int:
        machine = known.data.machine
        memory = machine.accelerator_memory if machine.accelerators else machine.memory
        room = MEMORY_SHARE * memory * 1024 / known.image_memory
        return int(2 ** (int(max(1.0, min(most, room, max(8, known.train_images / 10)))).bit_length() - 1))

    words = f"power of two up to {most}, {MEMORY_SHARE:.0%} of the memory / MiB of an image, and a tenth of the images or 8"
    return Formula(words, of)


def _passes(images: int, least: int, most: int) -> Formula:
    return Formula(f"{images:,} / images to train on, {least} to {most}", lambda known: max(least, min(most, images // known.train_images)))


def _tuning(known: Known) -> int:
    return max(2, min(15, int(TUNING_MINUTES / known.minutes)))


def _views(known: Known) -> int:
    size = known.train_images * FEATURES * 4 / 2**30
    fit = int(known.data.machine.memory / 4 / size)
    return max(1, min(1 if known.train_images >= 50_000 else 2 if known.train_images >= 5_000 else 4, fit))


RULES = (
    Rule("task", layout("BUSI"), "ultrasound", "the layout is that of breast ultrasound with masks"),
    Rule("task", layout("BreakHis", "IDC"), "histology", "the layout is that of stained tissue"),
    Rule("task", ONE_CELL & When("in colour", lambda k: not k.data.gray), "cells", "classes B and M are those of single stained cells"),
    Rule("task", GRAY, "ultrasound", "gray: median saturation {k.data.saturation:.2f} of {k.data.sampled} images"),
    Rule("task", ELSE, "histology", "stained: median saturation {k.data.saturation:.2f} of {k.data.sampled} images"),
    Rule("weights", OWN, "none", "nobody published weights of that backbone"),
    Rule("weights", REACHED, "imagenet", "features of a million photographs help where images are few (Raghu et al., NeurIPS 2019)"),
    Rule(
        "weights", ELSE, "none", "those of ImageNet are not on this machine and none were downloaded; --weights FILE gives a better model"
    ),
    Rule("backbone", FILE, Formula("that of the file", lambda k: k.data.fits), "the file holds weights of it, by the count of its numbers"),
    Rule("backbone", SCRATCH & GPU & PLENTY, "densenet121", "{k.data.images:,} images and a GPU can teach a deep network from nothing"),
    Rule(
        "backbone",
        SCRATCH,
        "convnet",
        "small: {k.data.images:,} images cannot teach millions of weights from nothing, or not on this machine",
    ),
    Rule("backbone", GPU, "densenet121", "most used on such images, and a GPU has the 4 times that it costs over mobilenetv2"),
    Rule("backbone", ELSE, "mobilenetv2", "33 images of 224 x 224 a second on two cores; densenet121 takes over 4 times as long"),
    Rule("validation", below(500), 0.2, "few images: threshold and temperature need cases of every class"),
    Rule("validation", PLENTY, 0.1, "a tenth of {k.data.images:,} images tells epochs and trials apart"),
    Rule("validation", ELSE, 0.15, "enough to tell epochs and trials apart, most is left to learn from"),
    Rule("test", ALWAYS, 0.2, "the intervals of the report need cases; a patient or a near-duplicate cluster stays whole"),
    Rule("given_split", GIVEN, True, "the division that the source comes with is kept, and refused if it leaks"),
    Rule("folds", below(BIG), 0, "one split; for an interval over all images run --set folds=5 with fold=0 to fold=4"),
    Rule("image_size", SMALL_NET, _side(96, 32), "it sees 46 pixels of context; more pixels would hide the whole from it"),
    Rule("image_size", GPU, _side(320, 96), "what is there, up to what weights of 224 gain from (Touvron et al., NeurIPS 2019)"),
    Rule(
        "image_size",
        ELSE,
        Formula(f"as the shorter side, {SIDES[-1]} to {SIDES[0]}, an epoch within {EPOCH_MINUTES} minutes", _affordable),
        "shorter side {k.data.short_side}; an epoch within 5 minutes on {k.data.machine.cores} cores, at 33 images of 224 a second on two",
    ),
    Rule("fit", OBLONG & task("histology"), "crop", "any part of tissue stands for the rest, and nuclei keep their shape"),
    Rule("fit", OBLONG, "stretch", "what matters may lie at the margin, which a crop would cut away"),
    Rule("fit", ELSE, "stretch", "nearly square: nothing is cut away and little distorted"),
    Rule("batch_size", GPU & PLENTY, _batch(128), "{k.image_memory:.0f} MiB an image of {k.data.machine.accelerator_memory:.0f} GiB"),
    Rule(
        "batch_size",
        GPU,
        _batch(64),
        "{k.image_memory:.0f} MiB an image of {k.data.machine.accelerator_memory:.0f} GiB; ten steps an epoch",
    ),
    Rule("batch_size", ELSE, _batch(32), "{k.image_memory:.0f} MiB an image of {k.data.machine.memory:.0f} GiB; ten steps an epoch"),
    Rule("augmentation", task("ultrasound"), SCANS, "ultrasound has an up, the transducer; gain and contrast vary with device and hand"),
    Rule("augmentation", task("cells"), CELLS, "a cell has no up and fills its picture, so nothing is shifted or cut away"),
    Rule("augmentation", ELSE, TISSUE, "tissue has no up; its colours vary with the laboratory"),
    Rule("balance", UNEVEN, True, "the largest class is {k.data.imbalance:.1f} times the smallest: rare ones weigh more in the loss"),
    Rule("balance", ELSE, False, "the largest class is {k.data.imbalance:.1f} times the smallest: weights would change little"),
    Rule("balance_to", ALWAYS, "0", "weights in the loss do what copies do, without their time"),
    Rule("epochs", SCRATCH & GPU, _passes(400_000, 20, 80), "from scratch it takes many passes; early stopping ends them"),
    Rule("epochs", SCRATCH, _passes(16_000, 12, 40), "from scratch it takes many passes; early stopping ends them"),
    Rule("epochs", ELSE, 25, "the head learns on kept embeddings of the frozen backbone, in seconds an epoch"),
    Rule("views", SCRATCH, 0, "no backbone is frozen, so no embeddings are kept"),
    Rule(
        "views",
        ELSE,
        Formula("4; 2 from 5,000 and 1 from 50,000 images to train on; their embeddings in a quarter of the memory", _views),
        "changed copies of each of {k.train_images:,} images whose embeddings are kept",
    ),
    Rule("fine_tune_epochs", SCRATCH, 0, "every layer learns from the first epoch"),
    Rule("fine_tune_epochs", GPU & PLENTY, 15, "early stopping ends them"),
    Rule("fine_tune_epochs", GPU, 30, "early stopping ends them"),
    Rule(
        "fine_tune_epochs",
        ELSE,
        Formula(f"{TUNING_MINUTES} minutes, 2 to 15 epochs", _tuning),
        "about {k.minutes:.1f} minutes an epoch on {k.data.machine.cores} cores, and half an hour a model",
    ),
    Rule("fine_tune_layers", SCRATCH, 0, "nothing was frozen"),
    Rule(
        "fine_tune_layers",
        FEW_LEARN,
        Formula("the last half", lambda k: k.network.layers // 2),
        "half of them: edges and textures carry over, the rest is specific (Yosinski et al., NeurIPS 2014)",
    ),
    Rule("fine_tune_layers", ELSE, ALL_LAYERS, "all of them: {k.train_images:,} images can teach every layer"),
    Rule("learning_rate", SCRATCH, 2e-3, "where the study starts; batch normalisation in every block allows it"),
    Rule("learning_rate", ELSE, 1e-3, "where the study starts, for a head on embeddings"),
    Rule("dropout", FEW_LEARN, 0.4, "where the study starts: few images are learnt by heart soonest"),
    Rule("dropout", ELSE, 0.2, "where the study starts"),
    Rule("label_smoothing", ALWAYS, 0.05, "readers disagree on some of any such images"),
    Rule("patience", SCRATCH, 10, "curves from scratch are rough"),
    Rule("patience", ELSE, 8, "validation sets of this size swing from epoch to epoch"),
    Rule("trials", NO_FROZEN, 0, "there is no first phase to search"),
    Rule("trials", SCRATCH & GPU, 12, "each trains from pixels, on a GPU"),
    Rule("trials", SCRATCH, 4, "each trains from pixels"),
    Rule("trials", PLENTY, 6, "with so many images the settings of a head matter less"),
    Rule("trials", ELSE, 12, "each takes seconds on kept embeddings"),
    Rule("trial_epochs", SCRATCH, 8, "enough to tell learning rates apart"),
    Rule("trial_epochs", ELSE, 20, "a head has learnt by then"),
    Rule("seeds", below(BIG), 3, "with few images, models of different seeds differ"),
    Rule(
        "seeds",
        PLENTY & When("no GPU", lambda k: not k.data.machine.accelerators),
        1,
        "one model takes hours on {k.data.machine.cores} cores",
    ),
    Rule("seeds", ELSE, 2, "to see how far models of different seeds differ"),
    Rule("search", SCRATCH, SearchSpace(learning_rate=(5e-4, 6e-3), dropout=(0.0, 0.5)), "a network from scratch takes higher rates"),
    Rule("search", ELSE, USUAL, "what suits a head on a frozen backbone"),
    Rule(
        "positive",
        ODD_NAMES,
        Formula("the classes named so", lambda k: positives(list(k.data.classes))),
        "the name says that something was found; its sensitivity counts",
    ),
)
