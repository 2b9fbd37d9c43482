"""`make bench-train`: how fast a model learns, beside the way published notebooks train, in turns on the same machine.

The published way is `train_published`. Ours is what `lobule run` does. Both train the same layers of the same network from the same
weights on the same images with rotation, zoom and flips; the drawing of images, shuffling and validation after every epoch count for both.

1. Fine-tuning, an epoch: of the last 60 layers, as the recipes do (batch normalisation frozen), and of all layers, as some published
   systems do. `ours` keeps four views of each image at the last frozen layer (`fine_tune_views`); their computation is shared by the
   15 epochs of a recipe's second phase, and by no other seed here. `ours, fresh` keeps none.
2. Ten epochs over a frozen backbone with 400 training and 100 validation images, from reading the weights. Ours is run as it is; of
   the published way one epoch of fewer images (`CASES`) is measured, after one that compiles, and extended.
3. A study of 20 trials: `train_study`.

What bounds fine-tuning of all layers, from one profile on two busy cores with AVX-512 (no AMX): of the kernels' time in a step of
MobileNetV2, convolutions take about half (four fifths of that their gradients), depthwise convolutions a quarter, fused batch
normalisation a fifth, all in oneDNN's kernels. Gradients of depthwise convolutions as shifted products were slower almost everywhere;
as a convolution with the turned kernel about equal, with stride 2 slower. DenseNet121 reached about 71 GFLOP/s a core in float32
(17 GFLOP an image, by its multiplications in one pass times six).

What bounds the last layers: frozen ones still pass every new view forward, in the published way as in ours. OpenVINO in float32 takes
0.9 times the processor time of our graph for that pass with MobileNetV2 and as much with DenseNet121 (two cores without AMX), so it was
not taken; XLA on a CPU was nine times slower.

What bounds ten epochs over a frozen backbone: a view is a pass through it, as an epoch of the published way is. With the recipes' four
views 4 x 400 + 100 images stand against 10 x 500, a factor of 2.9; the rest is cheaper augmentation and the fused kernel. Eight times
needs a single view, which is not augmented, or embeddings that several share, as the trials and seeds of a run do.

Processor time decides, since other work beside it does not touch it; the clock is printed too. Without `--weights` a network starts from
random weights with settled statistics: times are the same. `--only` takes one part.
"""

import argparse
import dataclasses
import sys
import tempfile
from pathlib import Path

import keras
import numpy as np

from components.domain.augmentation import Augmentation
from components.domain.recipe import Backbone, Recipe
from components.learning import devices
from components.learning import network as networks
from components.learning.cut import cut
from components.learning.feature_store import features
from components.learning.phases import Examples, embed, fit_head, fit_last, phase_of

sys.path.insert(0, str(Path(__file__).parent))
from train_published import Epochs, Published, Seconds, now, since, train
from train_study import compare_study

CASES: dict[str, tuple[Backbone, int, int]] = {
    "MobileNetV2": ("mobilenetv2", 224, 96),
    "EfficientNetB0": ("efficientnetb0", 96, 256),
    "DenseNet121": ("densenet121", 224, 48),
}
"""By network: backbone, side in pixels, training images of an epoch that is measured."""
LAST, ALL, EPOCHS, VIEWS, FROZEN_EPOCHS = 60, 1000, 15, 4, 10
FULL = 400
"""Training images of the frozen phase, about those of BUSI."""
POLICY = Augmentation(flips="both", rotation=20, zoom=0.1)


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def examples_of(side: int, count: int) -> Examples:
    """Draw bright and dark noise with a gradient, two classes that overlap: uint8, a quarter more for validation."""
    random = np.random.default_rng(0)
    targets = np.arange(count + count // 4) % 2
    levels = np.where(targets, 128, 116) + random.normal(0, 12, len(targets))
    noise = 40 * random.standard_normal((len(targets), side, side, 3), dtype=np.float32)
    pixels = np.clip(levels[:, None, None, None] + noise, 0, 255).astype(np.uint8)
    train, validation = np.arange(count), np.arange(count, len(targets))
    return Examples(pixels, train, targets[train], validation, targets[validation], np.ones(2, np.float32))


def random_weights(network: str, side: int, folder: Path) -> str:
    """Write weights of a network that was never trained, but whose statistics let signals through."""
    keras.utils.set_random_seed(0)
    model = getattr(keras.applications, network)(include_top=False, weights=None, input_shape=(side, side, 3))
    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    for layer in norms:
        layer.momentum = 0.0
    model(Published(network, "", None, POLICY, 8).arrays(examples_of(side, 8))[0], training=True)
    path = folder / f"{network}.weights.h5"
    model.save_weights(path)
    return str(path)


class Race:
    """One network trained both ways.

    Args:
        network: its name in `keras.applications`.
        folder: for weights and kept features.
        weights: a file; None makes random ones.
        loops: trials of the plain loop that are run.
        small: few images and a small side, to try the bench itself.
        data: source of the study's images; None draws some.
    """

    def __init__(self, network: str, folder: Path, weights: str | None, *, loops: int, small: bool, data: str | None = None) -> None:
        backbone, side, count = CASES[network]
        side, count, self.full = (32, 8, 16) if small else (side, count, FULL)
        self.network, self.folder, self.loops, self.data = network, folder, loops, data
        self.weights = weights or random_weights(network, side, folder)
        self.examples = examples_of(side, count)
        self.recipe = Recipe(
            name="bench", task="histology", backbone=backbone, image_size=side, batch_size=min(32, count), epochs=FROZEN_EPOCHS,
            fine_tune_epochs=EPOCHS, fine_tune_layers=LAST, views=4, fine_tune_views=VIEWS, patience=0, augmentation=POLICY, trials=0,
        )  # fmt: skip

    def published(self, last: int | None) -> Epochs:
        """Return two epochs of the notebook's training."""
        return train(Published(self.network, self.weights, last, POLICY, self.recipe.batch_size), self.examples, epochs=2)

    def ours(self, *, layers: int, views: int) -> tuple[float, float]:
        """Return the seconds of an epoch of our second phase, with an epoch's share of the frozen layers' pass."""
        recipe = dataclasses.replace(self.recipe, fine_tune_views=views)
        network = networks.build(recipe, 2, weights=self.weights, dropout=0.3, seed=0)
        network.unfreeze(layers, norm=layers > LAST)
        parts, passed = cut(network) if views else None, (0.0, 0.0)
        if parts is not None:
            began = now()
            features(parts.before, self.examples.pixels, self.examples.train, POLICY, views=views, seed=0, store=None, digest="")
            passed = since(began)
        ends: list[Seconds] = []
        phase = phase_of(recipe, epochs=2, learning_rate=1e-4, seed=0)
        fit_last(network, self.examples, recipe, phase, lambda *_: ends.append(now()))
        spent, clock = since(*ends)
        seen = views if parts is not None else 1  # an epoch passes every view once
        return (spent + passed[0] / EPOCHS) / seen, (clock + passed[1] / EPOCHS) / seen

    def fine_tuning(self) -> None:
        """Print images a second of fine-tuning."""
        count = len(self.examples.train)
        for what, last in (("last 60 layers", LAST), ("all layers", None)):
            plain = self.published(last).last
            ways = {"published": lambda: plain, "ours, fresh": lambda: self.ours(layers=last or ALL, views=0)}  # noqa: B023 - called at once
            if last:
                ways["ours"] = lambda: self.ours(layers=LAST, views=VIEWS)
            for name, way in ways.items():
                spent, clock = way()
                say(
                    f"  {what:<15} {name:<12} {count / spent:7.1f} images per second of processor time, {count / clock:7.1f} by the clock: "
                    f"{plain[0] / spent:.2f}x, {plain[1] / clock:.2f}x"
                )

    def frozen(self) -> None:
        """Print the seconds of ten epochs over a frozen backbone, from reading the weights to the last epoch, compiling included."""
        plain, share = self.published(0), self.full / len(self.examples.train)
        whole = tuple(start + FROZEN_EPOCHS * share * epoch for start, epoch in zip(plain.start, plain.last, strict=True))
        examples = examples_of(self.recipe.image_size, self.full)
        for views in (1, self.recipe.views):
            began, recipe = now(), dataclasses.replace(self.recipe, views=views)
            network = networks.build(recipe, 2, weights=self.weights, dropout=0.3, seed=0)
            phase = phase_of(recipe, epochs=FROZEN_EPOCHS, learning_rate=1e-3, seed=0)
            fit_head(network, embed(network, examples, recipe, seed=0), examples, phase, lambda *_: None)
            spent, clock = since(began)
            lines = (
                f"  frozen, {FROZEN_EPOCHS} epochs of {self.full} images: published {whole[0]:.0f} s of processor time",
                f"({plain.start[0]:.0f} s to compile, and an epoch of {len(self.examples.train)} images extended),",
                f"ours with {views} views {spent:.0f} s: {whole[0] / spent:.1f}x, {whole[1] / clock:.1f}x by the clock",
            )
            say(" ".join(lines))

    def study(self) -> None:
        """Print what a study and a loop over as many settings take, and their best validation AUC."""
        say(f"  {compare_study(self.network, self.weights, self.recipe, self.folder, loops=self.loops, data=self.data)}")


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--network", choices=sorted(CASES), action="append", help="only this one; may be repeated")
    parser.add_argument("--weights", help="file of the network's weights without top; random ones without it")
    parser.add_argument("--only", choices=("fine_tuning", "frozen", "study"), action="append")
    parser.add_argument("--loops", type=int, default=4, help="trials of the plain loop that are run; 20 for its true best AUC")
    parser.add_argument("--data", help="images of the study, as `lobule run --data` takes them; drawn ones without it")
    parser.add_argument("--small", action="store_true", help="few small images, to try the bench itself")
    options = parser.parse_args()
    for network in options.network or CASES:
        with tempfile.TemporaryDirectory() as folder:
            race = Race(network, Path(folder), options.weights, loops=options.loops, small=options.small, data=options.data)
            recipe = race.recipe
            lowered = "bfloat16" if devices.rewrites(recipe.training_precision) else "float32"
            say(f"{network} at {recipe.image_size}, {len(race.examples.train)} images, batch {recipe.batch_size}; {lowered}")
            for part in options.only or ("fine_tuning", "frozen", "study"):
                if part != "study" or network == "EfficientNetB0" or options.only:
                    getattr(race, part)()


if __name__ == "__main__":
    main()
