import hashlib
import io
from pathlib import Path

import numpy as np
from PIL import Image

from components.domain.artifacts import PIXELS_FILE, pixel_writer
from components.ingest.layouts import list_images
from components.ingest.look import Storage, content_id
from components.ingest.scan import ALONE, scan
from components.ingest.survey import survey
from serving.contract import ImageSpec
from serving.imaging import decode, fit

SPEC = ImageSpec(height=32, width=32)


def test_the_content_id_is_of_shape_and_pixels_by_hand() -> None:
    pixels = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    assert content_id(pixels) == hashlib.sha256(b"2 2 3\n" + bytes(range(12))).hexdigest()
    assert content_id(pixels) != content_id(pixels.reshape(1, 4, 3))


def test_equal_pixels_have_one_id_whatever_the_file_format(tmp_path: Path) -> None:
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 20, 3), dtype=np.uint8))
    ids = set()
    for kind in ("PNG", "BMP", "TIFF"):
        buffer = io.BytesIO()
        image.save(buffer, kind)
        ids.add(content_id(decode(buffer.getvalue()).pixels))
    assert len(ids) == 1


def test_workers_and_one_process_store_the_same_pixels_and_say_the_same(draw, tmp_path: Path) -> None:
    count = ALONE + 5
    files = {f"{'bm'[row % 2]}/{row:03}.png": row for row in range(count)}
    images = list_images(draw(files | {"b/007b.png": b"no image"})).images
    stored = []
    for workers in (1, 2):
        folder = tmp_path / str(workers)
        folder.mkdir()
        with pixel_writer(folder, len(images), SPEC):
            pass
        scanned, unreadable = scan(images, Storage(folder / PIXELS_FILE, SPEC), workers=workers)
        stored.append((scanned, unreadable, np.load(folder / PIXELS_FILE)))
    assert stored[0][:2] == stored[1][:2]
    assert np.array_equal(stored[0][2], stored[1][2])
    scanned, unreadable, pixels = stored[1]
    assert len(scanned) == count
    assert [each.source for each in unreadable] == ["b/007b.png"]
    for image in scanned[::20]:
        assert np.array_equal(pixels[image.place], fit(decode(image.found.path.read_bytes()).pixels, SPEC))
        assert image.properties["width"] == image.width == 40


def test_unreadable_files_are_listed_with_the_reason_and_stop_nothing(draw) -> None:
    whole = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(whole, "PNG")
    root = draw(
        {
            "b/1.png": 1,
            "m/2.png": 2,
            "m/cut.png": whole.getvalue()[:-30],
            "m/empty.png": b"",
            "m/text.png": b"hello",
            "m/vast.png": b"\0" * (20 * 2**20 + 1),
        }
    )
    (root / "b" / "dangling.png").symlink_to(root / "nowhere.png")
    scanned, unreadable = scan(list_images(root).images)
    assert [each.found.source for each in scanned] == ["b/1.png", "m/2.png"]
    assert {each.source: each.reason for each in unreadable} == {
        "b/dangling.png": "cannot be read (FileNotFoundError)",
        "m/cut.png": "the PNG image is truncated or damaged",
        "m/empty.png": "the image holds 0 bytes",
        "m/text.png": "the bytes are no PNG, JPEG, TIFF, BMP, WEBP, DICOM image",
        "m/vast.png": "holds 20,971,521 bytes, more than 20,971,520",
    }


def test_copies_keep_the_first_and_a_picture_under_two_labels_keeps_none(draw) -> None:
    root = draw({"b/1.png": 1, "b/2.png": 1, "b/3.png": 3, "b/x.png": 9, "m/4.png": 4, "m/x.png": 9, "m/y.png": 9})
    found = survey(list_images(root))
    assert [found.images[row].found.source for row in found.kept] == ["b/1.png", "b/3.png", "m/4.png"]
    assert {each.source: each.reason for each in found.excluded()} == {
        "b/2.png": "same picture as b/1.png",
        "b/x.png": "same picture as m/x.png, which is labelled m",
        "m/x.png": "same picture as b/x.png, which is labelled b",
        "m/y.png": "same picture as b/x.png, which is labelled b",
    }
    assert found.conflict_pairs() == [("b/x.png", "m/x.png")]
    assert found.crossing_pairs() == []


def test_look_alikes_under_two_labels_are_grouped_and_listed(draw) -> None:
    root = draw({"b/1.png": 1, "b/2.png": 2, "m/3.png": 3})
    with Image.open(root / "b/1.png") as image:
        image.save(root / "m/1.jpg", quality=90)
    found = survey(list_images(root))
    assert found.crossing_pairs() == [("b/1.png", "m/1.jpg")]
    assert found.kept_pairs.tolist() == [[0, 2]]
    assert found.groups[0] == found.groups[2] != found.groups[1]


def test_a_copy_that_is_left_out_still_connects_its_patients(draw) -> None:
    files = {"b/p1_1.png": 1, "b/p1_2.png": 2, "b/p2_1.png": 1, "b/p2_2.png": 4, "m/p3_1.png": 5}
    found = survey(list_images(draw(files)))
    kept = {found.images[row].found.source: found.groups[row] for row in found.kept}
    assert kept == {"b/p1_1.png": "p1+1", "b/p1_2.png": "p1+1", "b/p2_2.png": "p1+1", "m/p3_1.png": "p3"}
