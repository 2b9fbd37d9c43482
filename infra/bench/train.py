"""`make bench-train`: how fast a model learns, beside the way published notebooks train, in turns on the same machine.

The published way is `train_published`. Ours is what `lobule run` does. Both train the same layers of the same network from the same
weights on the same images with rotation, zoom and flips; the drawing of images, shuffling and validation after every epoch count for both.

1. Fine-tuning, an epoch: of the last 60 layers, as the recipes do (batch normalisation frozen), and of all layers, as some published
   systems do. `ours` keeps four views of each image at the last frozen layer (`fine_tune_views`); their computation is shared by the
   15 epochs of a recipe's second phase, and by no other seed here. `ours, fresh` keeps none.
2. Ten epochs over a frozen backbone: embeddings of all views are computed once, and count.
3. A study of 20 trials against a loop over 20 random settings, each by `model.fit`; the loop's time is that of the trials that were run,
   extended to 20.

What bounds fine-tuning of all layers, from one profile on two busy cores with AVX-512 (no AMX): of the kernels' time in a step of
MobileNetV2, convolutions take about half (four fifths of that their gradients), depthwise convolutions a quarter, fused batch
normalisation a fifth, all in oneDNN's kernels. Gradients of depthwise convolutions as shifted products were slower almost everywhere;
as a convolution with the turned kernel about equal, with stride 2 slower. DenseNet121 reached about 71 GFLOP/s a core in float32
(17 GFLOP an image, by its multiplications in one pass times six).

Processor time decides, since other work beside it does not touch it; the clock is printed too. Without `--weights` a network starts from
random weights with settled statistics: times are the same. `--only` takes one part.
"""

import argparse
import dataclasses
import sys
import tempfile
import time
from collections.abc import Callable
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
from train_published import Clock, Published, last_auc

CASES: dict[str, tuple[Backbone, int, int]] = {
    "MobileNetV2": ("mobilenetv2", 224, 96),
    "EfficientNetB0": ("efficientnetb0", 96, 256),
    "DenseNet121": ("densenet121", 224, 48),
}
"""By network: backbone, side in pixels, training images."""
LAST, ALL, EPOCHS, VIEWS, FROZEN_EPOCHS, TRIALS, RUN_TRIALS = 60, 1000, 15, 4, 10, 20, 2
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
    noise = random.normal(0, 40, (len(targets), side, side, 3)).astype(np.float32)
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
    model(np.random.default_rng(0).normal(size=(4, side, side, 3)).astype(np.float32), training=True)
    path = folder / f"{network}.weights.h5"
    model.save_weights(path)
    return str(path)


def timed(way: Callable[[], object]) -> tuple[float, float]:
    """Return the processor time and the time of a call, in seconds."""
    spent, began = time.process_time(), time.monotonic()
    way()
    return time.process_time() - spent, time.monotonic() - began


def nothing(epoch: int, values: object) -> None:
    """Take note of no epoch."""


class Race:
    """One network trained both ways.

    Args:
        network: its name in `keras.applications`.
        folder: for weights and kept features.
        weights: a file; None makes random ones.
        small: few images and a small side, to try the bench itself.
    """

    def __init__(self, network: str, folder: Path, weights: str | None, *, small: bool) -> None:
        backbone, side, count = CASES[network]
        side, count = (32, 8) if small else (side, count)
        self.network, self.folder = network, folder
        self.weights = weights or random_weights(network, side, folder)
        self.examples = examples_of(side, count)
        self.recipe = Recipe(
            name="bench", task="histology", backbone=backbone, image_size=side, batch_size=min(32, count), epochs=FROZEN_EPOCHS,
            fine_tune_epochs=EPOCHS, fine_tune_layers=LAST, views=4, fine_tune_views=VIEWS, patience=0, augmentation=POLICY, trials=0,
        )  # fmt: skip

    def published(self, last: int | None) -> tuple[float, float]:
        """Return the seconds of an epoch of the notebook's training."""
        way = Published(self.network, self.weights, last, POLICY, self.recipe.batch_size)
        images, held_out = way.arrays(self.examples)
        flow, clock = way.flow(images, np.eye(2, dtype=np.float32)[self.examples.train_targets]), Clock()
        last_auc(way.model(self.recipe.image_size, 2), flow, held_out, self.examples.validation_targets, epochs=2, clock=clock)
        return clock.last

    def ours(self, *, layers: int, views: int) -> tuple[float, float]:
        """Return the seconds of an epoch of our second phase, with an epoch's share of the frozen layers' pass."""
        recipe = dataclasses.replace(self.recipe, fine_tune_views=views)
        network = networks.build(recipe, 2, weights=self.weights, dropout=0.3, seed=0)
        network.unfreeze(layers, norm=layers > LAST)
        parts, passed = cut(network) if views else None, (0.0, 0.0)
        if parts is not None:
            before = parts.before
            passed = timed(
                lambda: features(before, self.examples.pixels, self.examples.train, POLICY, views=views, seed=0, store=None, digest="")
            )
        clock = Clock()
        phase = phase_of(recipe, epochs=2, learning_rate=1e-4, seed=0)
        fit_last(network, self.examples, recipe, phase, lambda epoch, _: clock.on_epoch_end(epoch))
        spent, began = clock.last
        seen = views if parts is not None else 1  # an epoch passes every view once
        return (spent + passed[0] / EPOCHS) / seen, (began + passed[1] / EPOCHS) / seen

    def fine_tuning(self) -> None:
        """Print images a second of fine-tuning."""
        count = len(self.examples.train)
        for what, last in (("last 60 layers", LAST), ("all layers", None)):
            plain = self.published(last)
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
        """Print the seconds of ten epochs over a frozen backbone."""
        spent, clock = self.published(0)
        plain = (spent * FROZEN_EPOCHS, clock * FROZEN_EPOCHS)

        def ours(views: int) -> None:
            recipe = dataclasses.replace(self.recipe, views=views)
            network = networks.build(recipe, 2, weights=self.weights, dropout=0.3, seed=0)
            phase = phase_of(recipe, epochs=FROZEN_EPOCHS, learning_rate=1e-3, seed=0)
            fit_head(network, embed(network, self.examples, recipe, seed=0), self.examples, phase, nothing)

        for views in (1, 4):
            mine = timed(lambda views=views: ours(views))  # type: ignore[misc]
            say(
                f"  frozen, {FROZEN_EPOCHS} epochs, {views} views: published {plain[0]:.1f} s of processor time, ours {mine[0]:.1f} s: "
                f"{plain[0] / mine[0]:.1f}x, {plain[1] / mine[1]:.1f}x by the clock (from reading the weights to the last epoch)"
            )

    def study(self) -> None:
        """Print what a study of 20 trials and a loop over 20 settings take, and their best validation AUC."""
        random = np.random.default_rng(0)
        settings = [(10 ** random.uniform(-4, -2.5), random.uniform(0.1, 0.5)) for _ in range(TRIALS)]
        way = Published(self.network, self.weights, 0, POLICY, self.recipe.batch_size)
        images, held_out = way.arrays(self.examples)
        targets = self.examples.validation_targets
        found: list[float] = []

        def loop() -> None:
            for rate, dropout in settings[:RUN_TRIALS]:
                model = way.model(self.recipe.image_size, 2, learning_rate=rate, dropout=dropout)
                flow = way.flow(images, np.eye(2, dtype=np.float32)[self.examples.train_targets])
                found.append(last_auc(model, flow, held_out, targets, epochs=FROZEN_EPOCHS))

        plain = timed(loop)
        plain = (plain[0] * TRIALS / RUN_TRIALS, plain[1] * TRIALS / RUN_TRIALS)
        mine: list[float] = []

        def ours() -> None:
            recipe = self.recipe
            network = networks.build(recipe, 2, weights=self.weights, dropout=0.3, seed=0)
            embeddings = embed(network, self.examples, recipe, seed=0)
            for rate, dropout in settings:
                trial = networks.build(recipe, 2, weights=self.weights, dropout=dropout, seed=0)
                phase = phase_of(recipe, epochs=FROZEN_EPOCHS, learning_rate=rate, seed=0)
                mine.append(fit_head(trial, embeddings, self.examples, phase, nothing)["val_auc"])

        spent = timed(ours)
        say(
            f"  study of {TRIALS}: the loop {plain[0]:.0f} s (from {RUN_TRIALS} of them), AUC {max(found):.3f}; ours {spent[0]:.0f} s, "
            f"AUC {max(mine):.3f}: {plain[0] / spent[0]:.1f}x, {plain[1] / spent[1]:.1f}x by the clock"
        )


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--network", choices=sorted(CASES), action="append", help="only this one; may be repeated")
    parser.add_argument("--weights", help="file of the network's weights without top; random ones without it")
    parser.add_argument("--only", choices=("fine_tuning", "frozen", "study"), action="append")
    parser.add_argument("--small", action="store_true", help="few small images, to try the bench itself")
    options = parser.parse_args()
    for network in options.network or CASES:
        with tempfile.TemporaryDirectory() as folder:
            race = Race(network, Path(folder), options.weights, small=options.small)
            recipe = race.recipe
            lowered = "bfloat16" if devices.rewrites(recipe.training_precision) else "float32"
            say(f"{network} at {recipe.image_size}, {len(race.examples.train)} images, batch {recipe.batch_size}; {lowered}")
            for part in options.only or ("fine_tuning", "frozen", "study"):
                if part != "study" or network == "EfficientNetB0" or options.only:
                    getattr(race, part)()


if __name__ == "__main__":
    main()
