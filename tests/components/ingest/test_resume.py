"""An interrupted scan continues where it was, and never on stale pixels."""

import json
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from components.domain.artifacts import read_dataset
from components.domain.errors import InputError
from components.domain.recipe import Recipe
from components.ingest.ingest import ingest_source
from components.ingest.layouts import list_images
from components.ingest.look import CHUNK
from components.ingest.resume import JOURNAL, resumable
from components.ingest.scan import scan
from serving.contract import ImageSpec

SPEC = ImageSpec(height=32, width=32)
RECIPE = Recipe(name="test", task="histology", backbone="convnet", image_size=32)
FILES: dict[str, int | bytes] = {f"{label}/{row:03}.png": 1000 * place + row for place, label in enumerate("bm") for row in range(60)}


class KilledError(Exception):
    pass


def interrupt(images, cache: Path, after: int) -> Path:
    """Scan until some chunks are finished, then stop as a kill would; return the scan's folder."""
    folder = cache
    with pytest.raises(KilledError), resumable(images, SPEC, cache) as (storage, finished):
        folder = storage.file.parent
        append = finished.append

        def append_until(line: str) -> None:
            if json.loads(line)[0] == after:
                raise KilledError
            append(line)

        object.__setattr__(finished, "append", append_until)
        scan(images, storage, workers=1, finished=finished)
    return folder


def test_what_was_finished_is_not_done_again_and_the_result_is_the_same(draw, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = draw(FILES | {"b/001b.png": b"no image"})
    images = list_images(root).images
    expected = scan(images, workers=1)
    folder = interrupt(images, tmp_path / "cache", after=2)
    with (folder / JOURNAL).open("a") as file:
        file.write('[2,7,[{"place":64,"fou')  # the kill came in the middle of a line
    with caplog.at_level(logging.INFO, "components"), resumable(images, SPEC, tmp_path / "cache") as (storage, finished):
        scanned, unreadable = scan(images, storage, workers=1, finished=finished)
        pixels = np.load(storage.file).copy()
    assert f"continuing: {2 * CHUNK} of 121 images were decoded before" in caplog.text
    assert f"{121 - 2 * CHUNK} images decoded" in caplog.text
    assert [(each.id, each.hash, each.found) for each in scanned] == [(each.id, each.hash, each.found) for each in expected[0]]
    assert unreadable == expected[1]
    with resumable(images, SPEC, tmp_path / "other") as (storage, finished):
        assert scan(images, storage, workers=1, finished=finished) == (scanned, unreadable)
        assert np.array_equal(np.load(storage.file), pixels)
    assert not folder.exists()


def test_pixels_that_a_power_failure_took_are_decoded_again(draw, tmp_path: Path) -> None:
    images = list_images(draw(FILES)).images
    interrupt(images, tmp_path, after=2)
    with resumable(images, SPEC, tmp_path) as (storage, finished):
        pixels = np.load(storage.file, mmap_mode="r+")
        pixels[5] = 0
        pixels.flush()
        assert list(finished.read()) == [1]


@pytest.mark.parametrize("what", ["a file changed", "another size", "another label"])
def test_a_scan_of_other_files_or_another_size_starts_anew(draw, tmp_path: Path, what: str) -> None:
    root = draw(FILES)
    images = list_images(root).images
    folder = interrupt(images, tmp_path / "cache", after=2)
    spec = SPEC
    if what == "a file changed":
        os.utime(root / "b/000.png", ns=(0, 5))
    elif what == "another size":
        spec = ImageSpec(height=40, width=40)
    else:
        (root / "m/000.png").rename(root / "b/900.png")
        images = list_images(root).images
    with resumable(images, spec, tmp_path / "cache") as (storage, finished):
        assert storage.file.parent != folder
        assert finished.read() == {}


def test_two_runs_at_a_time_do_not_share_a_place(draw, tmp_path: Path) -> None:
    images = list_images(draw(FILES)).images
    with resumable(images, SPEC, tmp_path) as (one, _), resumable(images, SPEC, tmp_path) as (other, _):
        assert one.file != other.file
    assert list((tmp_path / "scans").iterdir()) == []


def test_what_nobody_continued_for_a_week_is_removed(draw, tmp_path: Path) -> None:
    images = list_images(draw(FILES)).images
    left = tmp_path / "scans" / "left"
    left.mkdir(parents=True)
    os.utime(left, (0, time.time() - 8 * 86_400))
    with resumable(images, SPEC, tmp_path):
        assert not left.exists()


def test_a_setting_mended_after_a_refusal_decodes_nothing_again(draw, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = draw({name.replace("b/", "benign/").replace("m/", "malignant/"): seed for name, seed in FILES.items()})
    (root / "rare").mkdir()
    (root / "benign/000.png").rename(root / "rare/000.png")
    with pytest.raises(InputError, match="'rare' has 1"):
        ingest_source(str(root), tmp_path / "dataset", recipe=RECIPE, cache=tmp_path / "cache")
    with caplog.at_level(logging.INFO, "components"), pytest.raises(InputError, match="'rare' has 1"):
        ingest_source(str(root), tmp_path / "dataset", recipe=RECIPE.override({"split_seed": "1"}), cache=tmp_path / "cache")
    assert "continuing: 120 of 120 images were decoded before" in caplog.text


@pytest.mark.slow
def test_a_killed_ingest_continues_in_the_next_process(draw, tmp_path: Path) -> None:
    root = draw({f"{label}/{row:04}.png": 5000 * place + row for place, label in enumerate(("benign", "malignant")) for row in range(600)})
    code = (
        "import logging, sys; logging.basicConfig(level=logging.INFO)\n"
        "from pathlib import Path\n"
        "from components.domain.recipe import Recipe\n"
        "from components.ingest.ingest import ingest_source\n"
        "recipe = Recipe(name='test', task='histology', backbone='convnet', image_size=32)\n"
        "if __name__ == '__main__':\n"
        "    ingest_source(sys.argv[1], Path(sys.argv[2]) / 'dataset', recipe=recipe, cache=Path(sys.argv[2]) / 'cache')\n"
    )
    (tmp_path / "run.py").write_text(code)
    command = [sys.executable, str(tmp_path / "run.py"), str(root), str(tmp_path)]
    first = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    journal = tmp_path / "cache" / "scans"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and sum(len(file.read_text().splitlines()) for file in journal.glob(f"*/{JOURNAL}")) < 3:
        time.sleep(0.01)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    assert not (tmp_path / "dataset").exists()
    second = subprocess.run(command, stderr=subprocess.PIPE, text=True)
    assert second.returncode == 0, second.stderr
    assert "of 1200 images were decoded before" in second.stderr
    assert len(read_dataset(tmp_path / "dataset").pixels) == 1200
    assert list(journal.iterdir()) == []
