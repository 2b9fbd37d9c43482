import os
from pathlib import Path

import pytest

from components.domain.errors import InputError
from components.ingest.layouts import LAYOUTS, list_images, walk
from components.ingest.layouts.layout import Found, Layout


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def seen(root: Path) -> dict[str, tuple[str, str]]:
    return {each.source: (each.label, each.group) for each in list_images(root).images}


def test_a_folder_per_class_names_the_class_and_nobody(tmp_path: Path) -> None:
    touch(tmp_path, "B/1.png", "B/2.JPG", "M/1.tif", "M/deeper/3.png")
    assert list_images(tmp_path).layout == "folder per class"
    assert seen(tmp_path) == {"B/1.png": ("B", ""), "B/2.JPG": ("B", ""), "M/1.tif": ("M", ""), "M/deeper/3.png": ("M", "")}


def test_folders_that_wrap_everything_are_no_class(tmp_path: Path) -> None:
    touch(tmp_path, "archive/images/benign/1.png", "archive/images/malignant/1.png")
    assert seen(tmp_path) == {"archive/images/benign/1.png": ("benign", ""), "archive/images/malignant/1.png": ("malignant", "")}


def test_a_split_somebody_made_before_is_no_class(tmp_path: Path) -> None:
    touch(tmp_path, "train/benign/1.png", "train/malignant/2.png", "test/benign/3.png", "test/malignant/4.png")
    assert {label for label, _ in seen(tmp_path).values()} == {"benign", "malignant"}


def test_a_single_class_folder_stays_a_class(tmp_path: Path) -> None:
    assert seen(touch(tmp_path, "benign/1.png", "benign/2.png")) == {"benign/1.png": ("benign", ""), "benign/2.png": ("benign", "")}


def test_busi_masks_belong_to_their_image_and_are_no_images(tmp_path: Path) -> None:
    folder = "Dataset_BUSI_with_GT"
    touch(tmp_path, *(f"{folder}/benign/benign (1){tail}.png" for tail in ("", "_mask", "_mask_1")), f"{folder}/normal/normal (1).png")
    listing = list_images(tmp_path)
    assert listing.layout == "BUSI"
    one = f"{folder}/benign/benign (1)"
    assert listing.images == [
        Found(tmp_path / f"{one}.png", f"{one}.png", "benign", "", (f"{one}_mask.png", f"{one}_mask_1.png")),
        Found(tmp_path / f"{folder}/normal/normal (1).png", f"{folder}/normal/normal (1).png", "normal"),
    ]


def test_a_mask_without_its_image_is_listed_and_never_an_image(tmp_path: Path) -> None:
    touch(tmp_path, *(f"benign/{n}{tail}.png" for n in range(10) for tail in ("", "_mask")), "benign/lost_mask.png", "normal/1.png")
    listing = list_images(tmp_path)
    assert [(each.source, each.reason) for each in listing.misfits] == [("benign/lost_mask.png", "does not fit the layout (BUSI)")]
    assert len(listing.images) == 11


def test_idc_slides_are_groups_with_both_classes(tmp_path: Path) -> None:
    touch(tmp_path, "ps50/8863/0/a.png", "ps50/8863/1/b.png", "ps50/9036/0/c.png")
    assert list_images(tmp_path).layout == "IDC"
    assert sorted(seen(tmp_path).values()) == [("0", "8863"), ("0", "9036"), ("1", "8863")]


def test_classes_named_0_and_1_in_a_split_are_no_slides(tmp_path: Path) -> None:
    touch(tmp_path, "train/0/a.png", "train/1/b.png", "test/0/c.png", "test/1/d.png")
    assert list_images(tmp_path).layout == "folder per class"
    assert sorted(seen(tmp_path).values()) == [("0", ""), ("0", ""), ("1", ""), ("1", "")]


@pytest.mark.parametrize(
    ("name", "label", "patient"),
    [
        ("SOB_M_DC-14-2523-40-010.png", "malignant", "14-2523"),
        ("SOB_B_TA-14-16184CD-400-024.png", "benign", "14-16184CD"),
        ("deep/40X/SOB_B_A-14-22549AB-40-001.png", "benign", "14-22549AB"),
    ],
)
def test_breakhis_names_say_class_and_patient_wherever_they_lie(tmp_path: Path, name: str, label: str, patient: str) -> None:
    assert seen(touch(tmp_path, name)) == {name: (label, patient)}


def test_what_breakhis_and_idc_names_say_more_is_kept_as_slices(tmp_path: Path) -> None:
    (only,) = list_images(touch(tmp_path / "one", "SOB_M_DC-14-2523-40-010.png")).images
    assert dict(only.slices) == {"magnification": "40", "subtype": "DC"}
    patches = list_images(touch(tmp_path / "two", "8863/0/8863_idx5_x1001_y1301_class0.png", "9036/1/odd.png")).images
    assert [dict(each.slices) for each in patches] == [{"x": "1001", "y": "1301"}, {}]


def test_a_name_that_starts_with_the_patient_groups_by_patient(tmp_path: Path) -> None:
    touch(tmp_path, "benign/p07_012.png", "benign/P07_013.png", "malignant/p11_001_copy.png")
    assert list(seen(tmp_path).values()) == [("benign", "p07"), ("benign", "p07"), ("malignant", "p11")]


def test_three_folders_within_each_class_are_patients(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{label}/{who}/1.png" for label in ("benign", "malignant") for who in ("ann", "bo", "cy")))
    assert {group for _, group in seen(tmp_path).values()} == {"ann", "bo", "cy"}


def test_hidden_files_and_clutter_are_ignored_and_other_files_are_listed(tmp_path: Path) -> None:
    touch(
        tmp_path, "benign/1.png", "malignant/1.png", ".hidden/2.png", "benign/._1.png", "__MACOSX/benign/1.png", "Thumbs.db", "labels.csv"
    )
    listing = list_images(tmp_path)
    assert [each.source for each in listing.images] == ["benign/1.png", "malignant/1.png"]
    assert [(each.source, each.reason) for each in listing.skipped] == [("labels.csv", "no image by its extension (.csv)")]


def test_an_empty_folder_is_refused_with_what_was_seen(tmp_path: Path) -> None:
    touch(tmp_path, "a.csv", "b.csv", "README")
    with pytest.raises(InputError, match=r"must hold images \(.*\), but .* holds 2 \.csv, 1 no extension; name a folder of images"):
        list_images(tmp_path)


def test_images_without_folders_are_refused_with_the_layouts_that_fit(tmp_path: Path) -> None:
    touch(tmp_path, "1.png", "2.png")
    with pytest.raises(InputError, match=r"laid out as one of \[BreakHis.*IDC.*BUSI.*\], but .* holds 2 images such as 1.png; sort them"):
        list_images(tmp_path)


def test_a_link_in_a_circle_is_walked_once(tmp_path: Path) -> None:
    touch(tmp_path, "benign/1.png", "malignant/1.png")
    (tmp_path / "benign" / "again").symlink_to(tmp_path)
    assert len(walk(tmp_path).images) == 2


def test_a_name_that_is_not_utf8_is_skipped_and_named(tmp_path: Path) -> None:
    touch(tmp_path, "benign/1.png", "malignant/1.png")
    Path(os.fsdecode(os.fsencode(tmp_path / "benign") + b"/\xff.png")).touch()
    assert [(each.source, each.reason) for each in list_images(tmp_path).skipped] == [("benign/\\udcff.png", "its name is not valid UTF-8")]


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_no_layout_fits_an_empty_tree_or_loose_images(layout: Layout, tmp_path: Path) -> None:
    assert layout.read(walk(tmp_path)) is None
    assert layout.read(walk(touch(tmp_path, "1.png", "2.png"))) is None
    assert layout.name
    assert layout.expects
