"""The picture of a training says which figures are on one scale."""

from PIL import Image

from components.train.curves import labels, write_curves


def test_curves_are_drawn_and_their_legend_says_what_is_weighted(tmp_path):
    epoch = {"loss": 0.5, "accuracy": 0.8, "val_loss": 0.6, "val_accuracy": 0.7, "val_auc": 0.9}
    with Image.open(write_curves([epoch, epoch], tmp_path / "curves.png", weighted=True)) as image:
        assert min(image.size) > 100
    assert labels(weighted=True) == ("train, classes weighted", "validation, unweighted")
    assert labels(weighted=False) == ("train", "validation")
