"""The check of augmented images against the source: mild policies stay inside, the published zoom does not, and it is told."""

import json

import numpy as np
import pytest
from PIL import Image

from components.augment.augment import augment_dataset
from components.augment.distribution import check_distribution, settings_of
from components.domain.artifacts import pixel_writer, read_dataset
from components.domain.augmentation import Augmentation
from components.domain.recipe import Recipe

NONE = np.zeros((0, 32, 32, 3), np.uint8)


def recipe(**settings) -> Recipe:
    return Recipe(
        name="t", task="ultrasound", backbone="convnet", image_size=32, augmentation=Augmentation(**{"flips": "none", **settings})
    )


@pytest.fixture(scope="module")
def smooth(tmp_path_factory, tiny_dataset):
    """The tiny data set with pictures that have shape: soft blobs on a gradient, instead of noise."""
    import shutil

    folder = tmp_path_factory.mktemp("smooth") / "dataset"
    shutil.copytree(tiny_dataset, folder)
    source, random = read_dataset(tiny_dataset), np.random.default_rng(1)
    with pixel_writer(folder, len(source.pixels), source.spec) as pixels:
        for row in range(len(pixels)):
            coarse = random.integers(40, 216, (6, 6, 3), dtype=np.uint8)
            grain = random.normal(0, random.uniform(2, 8), (32, 32, 1))
            blobs = np.asarray(Image.fromarray(coarse).resize((32, 32), Image.Resampling.BICUBIC))
            pixels[row] = np.clip(blobs + grain, 0, 255).astype(np.uint8)
    return read_dataset(folder)


def test_images_that_do_not_change_lie_inside(smooth):
    check = check_distribution(smooth, NONE, recipe=recipe())
    assert check.holds and check.images == 36
    assert max(check.policy.outside.values()) <= 0.06  # the tails that make it a 99 % range, of 36 images
    assert check.settings == {} and check.copies is None


def test_flips_lie_inside(smooth):
    assert check_distribution(smooth, NONE, recipe=recipe(flips="both")).holds


def test_the_published_zoom_leaves_the_distribution_and_is_named_loudly(smooth, caplog):
    with caplog.at_level("WARNING", logger="components"):
        check = check_distribution(smooth, NONE, recipe=recipe(flips="both", zoom=2.0))
    assert not check.holds
    assert check.settings["zoom=2.0"].leaves and not check.settings["flips=both"].leaves
    assert "OUT OF DISTRIBUTION: with the policy" in caplog.text
    assert "alone already: zoom=2.0;" in caplog.text


@pytest.mark.parametrize(
    ("settings", "name"), [({"brightness": 0.9}, "brightness"), ({"speckle": 0.9}, "noise"), ({"grayscale": 1.0}, "saturation")]
)
def test_the_property_that_a_setting_leaves_is_the_one_named(smooth, settings, name):
    assert name in check_distribution(smooth, NONE, recipe=recipe(**settings)).policy.leaves


def test_copies_are_held_against_the_same_ranges(smooth):
    black = np.zeros((20, 32, 32, 3), np.uint8)
    check = check_distribution(smooth, black, recipe=recipe())
    assert check.copies.images == 20 and check.copies.outside["brightness"] == 1 and check.copies.outside["embedding"] == 1
    assert not check.policy.leaves and not check.holds


def test_equal_seeds_give_equal_figures(smooth):
    one, other = (check_distribution(smooth, NONE, recipe=recipe(rotation=20, brightness=0.2)) for _ in range(2))
    assert one == other


def test_settings_by_themselves_leave_out_what_is_off_and_what_blends():
    policy = Augmentation(flips="none", rotation=8, mixup=0.2, cutmix=1.0)
    assert settings_of(policy) == {"rotation=8": Augmentation(flips="none", rotation=8)}


@pytest.fixture(scope="module")
def shown(tiny_dataset, tiny_recipe, tmp_path_factory):
    output = tmp_path_factory.mktemp("shown") / "training_set"
    changes = {"balance_to": "30", "augmentation.stain": "0.1", "augmentation.mixup": "0.2"}
    augment_dataset(tiny_dataset, output, recipe=tiny_recipe.override(changes))
    return output


def test_the_sheet_has_a_row_for_each_kind_of_change_and_a_column_for_each_image(shown):
    with Image.open(shown / "contact_sheet.png") as sheet:
        lines = ["as it is", "flips", "stain", "draw 1", "draw 2", "mixup", "copies"]
        assert sheet.size == (190 + 8 * 144, 2 * 26 + 144 * len(lines))
        pixels = np.asarray(sheet)
    first, stained = (pixels[26 + 144 * line : 26 + 144 * (line + 1), 190:] for line in (0, 2))
    assert first.std() > 20 and not np.array_equal(first, stained)


def test_the_page_needs_no_network_and_tells_counts_and_shares(shown):
    page = (shown / "augmentation_report.html").read_text(encoding="utf-8")
    assert "http" not in page and page.count("data:image/png;base64,") == 1
    assert "<tr><td>benign</td><td>18</td><td>12</td><td>6</td></tr>" in page
    assert "stain=0.1" in page and "copies" in page
    report = json.loads((shown / "augmentation_report.json").read_text())
    assert set(report) >= {"holds", "policy", "settings", "copies", "validation", "ranges"}
    assert report["copies"]["images"] == 24


def test_a_training_set_of_cut_images_shows_and_keeps_the_mark(tiny_dataset, tiny_recipe, tmp_path):
    import shutil

    import pyarrow.parquet as pq

    copy = tmp_path / "dataset"
    shutil.copytree(tiny_dataset, copy)
    table = pq.read_table(copy / "manifest.parquet")
    pq.write_table(table.replace_schema_metadata({**table.schema.metadata, b"oracle": b"true"}), copy / "manifest.parquet")
    (copy / "roi.json").write_text(json.dumps({"margin": 0.2, "cut": 40, "blank": 20, "missing": 0, "unusable": 0}))
    Image.new("RGB", (64, 64)).save(copy / "roi.png")
    augment_dataset(copy, tmp_path / "set", recipe=tiny_recipe.override({"balance_to": "20", "roi": "mask"}))
    made = read_dataset(tmp_path / "set")
    assert made.oracle and made.spec == read_dataset(copy).spec
    page = (tmp_path / "set" / "augmentation_report.html").read_text(encoding="utf-8")
    assert "ORACLE: 40 images" in page and page.count("data:image/png;base64,") == 2
