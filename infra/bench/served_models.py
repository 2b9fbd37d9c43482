"""Models for `make bench-serve`: each network as the bundle that Lobule serves and as the Keras file that the published app loads.

Weights are random with a fixed seed. One pass of images gives batch normalisation its statistics: without them such deep networks
give numbers near zero, which no trained network does. Speed does not depend on what the weights have learnt; agreement between
precisions does, so what the cards say of it holds for these networks alone.
"""

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

if TYPE_CHECKING:
    import keras

    from components.domain.recipe import Backbone

CLASSES = 2


def make(folder: Path, backbone: "Backbone", size: int) -> None:
    """Write `bundle/` and `model.keras` of a network into a folder."""
    import keras

    from components.augment.augment import augment_dataset
    from components.domain.artifacts import read_dataset
    from components.domain.recipe import Recipe
    from components.ingest.ingest import ingest_source
    from components.learning import network as networks
    from components.train.bundle import write_bundle

    recipe = Recipe(name="bench", task="histology", backbone="convnet", image_size=size).override({"backbone": backbone})
    ingest_source("sample:histology", folder / "dataset", recipe=recipe, cache=folder.parent / "cache")
    augment_dataset(folder / "dataset", folder / "training_set", recipe=recipe)
    dataset = read_dataset(folder / "training_set")
    network = networks.build(recipe, CLASSES, weights=None, dropout=recipe.dropout, seed=0)
    for layer in network.backbone._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    network.backbone(np.asarray(dataset.pixels[dataset.rows("train")[:32]], dtype=np.float32), training=True)
    write_bundle(network, dataset, folder / "bundle", recipe=recipe, seed=0, code="sha256:" + "0" * 64, commit="bench")
    theirs, ours = replace(network, backbone=as_published(network.backbone, recipe.backbone)).classifier(), network.classifier()
    images = np.asarray(dataset.pixels[dataset.rows("validation")])
    np.testing.assert_allclose(theirs.predict(images, verbose=0), ours.predict(images, verbose=0), atol=1e-2)
    theirs.save(folder / "model.keras")


def as_published(backbone: "keras.Model", name: "Backbone") -> "keras.Model":
    """Return a backbone as whoever serves the published network has it: of Keras' own layers, in their order, with the same weights."""
    import keras

    from components.learning.backbones import PUBLISHED
    from components.learning.network import body, scaling

    known = body(backbone)
    published = getattr(keras.applications, PUBLISHED[name].builder)(include_top=False, weights=None, input_shape=known.input_shape[1:])
    for layer in published.layers:
        if layer.weights and not isinstance(layer, keras.layers.Normalization):
            layer.set_weights(known.get_layer(layer.name).get_weights())
    image, scaled = scaling(backbone)
    return keras.Model(image, published(scaled))


def write_uploads(folder: Path, *, images: int = 32) -> None:
    """Write pictures of the histology sample as uploads: PNG as drawn, and every other one as JPEG of quality 90."""
    from PIL import Image

    from components.ingest.sample import write_sample

    write_sample(folder / "source", "histology", images=2 * images, seed=0)
    place = 0
    for file in sorted((folder / "source").rglob("*.png")):
        try:
            with Image.open(file) as opened:
                picture = opened.convert("RGB")
        except OSError:  # the broken files that the sample plants
            continue
        if place % 2:
            picture.save(folder / f"{place:03}.jpg", quality=90)
        else:
            (folder / f"{place:03}.png").write_bytes(file.read_bytes())
        place += 1
        if place == images:
            return


def main() -> None:
    """Make one model, or the uploads: FOLDER BACKBONE SIZE, or FOLDER."""
    if len(sys.argv) == 2:
        write_uploads(Path(sys.argv[1]))
    else:
        make(Path(sys.argv[1]), cast("Backbone", sys.argv[2]), int(sys.argv[3]))


if __name__ == "__main__":
    main()
