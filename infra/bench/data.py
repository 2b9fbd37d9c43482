"""`make bench-data`: how fast and in how much memory images become a data set, beside the way published notebooks do it.

The notebooks' way is `keras.utils.load_img(path, target_size=...)` in a loop (nearest pixel, no antialiasing), `img_to_array`, and one
float32 array of everything, divided by 255. Ours is the decoder that serving uses and an antialiased resize; the whole scan adds the
content hash, the perceptual hash, the image properties and the write. Both do the same files, in turns, so that other work on the
machine hits both; the best of the rounds counts. Without `--images`, pictures of the procedural sample are enlarged to 500 x 500.

"codec alone" is the codec that we use, from bytes to pixels and nothing else: no way to read whole pictures, which the content hash
needs, can be faster than that line on this machine. On PNG, where a Rust decoder takes a third of Pillow's time to the same pixels,
ours stands at about three times the notebook. On JPEG both ways use libjpeg-turbo, and the notebook that takes the nearest pixel spends
most of its time in it: the limit lies below 1.3, so that 1.8 cannot be reached. At equal care (`bilinear`; ours is antialiased as
well) ours is at about 1.7, of 2.8 that the codec allows. Less than whole pictures would not help much: "at half the size" (DCT
scaling, `Image.draft`) still decodes every bit, which is what takes long. Other exact decoders were measured on 500 x 500 (Pillow
5.8 ms PNG, 0.7 ms JPEG): OpenCV 4.9 and 0.67, spng and libpng with zlib-ng 3.6, simplejpeg 0.65: a second reader of hostile bytes for
a tenth of the time. What ours saves beyond that is every later epoch's decoding, and memory.

Two cores are measured twice: by the clock, which other work on the machine disturbs, and by the processor time of both together, which
they share chunk by chunk to the end: what the clock would show on a quiet machine. The start of the worker is included.
"""

import argparse
import io
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from components.domain.artifacts import PIXELS_FILE, pixel_writer
from components.ingest.allocator import keep_freed_memory
from components.ingest.duplicates import near_duplicates
from components.ingest.layouts.layout import Found
from components.ingest.look import Storage
from components.ingest.scan import scan
from serving.contract import ImageSpec
from serving.imaging import decode, fit
from serving.png import decode_plain

SIDE = 224
SPEC = ImageSpec(height=SIDE, width=SIDE)
ROUNDS = 5
HASHES = 20_000
MANY = 1_200
"""Images for scaling and memory; the same files again and again."""
PATCH = ImageSpec(height=48, width=48)
PATCHES = 20_000


def notebook(files: list[Path], *, interpolation: str = "nearest") -> np.ndarray:
    """Load files as the published notebooks do: float32 [n, SIDE, SIDE, 3] in [0, 1]."""
    from keras.utils import img_to_array, load_img

    return np.array([img_to_array(load_img(file, target_size=(SIDE, SIDE), interpolation=interpolation)) for file in files]) / 255.0


def ours(files: list[Path]) -> None:
    """Decode and resize files as ingest and serving do."""
    for file in files:
        fit(decode(file.read_bytes()).pixels, SPEC)


def codec(files: list[Path]) -> None:
    """Decode files with the bare codec that ours uses: the limit of any way that reads whole pictures."""
    from PIL import Image

    for file in files:
        data = file.read_bytes()
        if decode_plain(data) is None:
            Image.open(io.BytesIO(data)).load()


def half(files: list[Path]) -> None:
    """Decode JPEG files at half their size, as libjpeg can."""
    from PIL import Image

    for file in files:
        image = Image.open(file)
        image.draft("RGB", (SIDE, SIDE))
        image.load()


def whole(files: list[Path], folder: Path, *, workers: int, spec: ImageSpec = SPEC) -> None:
    """Scan files as ingest does: decode, hash, measure, store."""
    with pixel_writer(folder, len(files), spec):
        pass
    scan([Found(file, file.name, "x") for file in files], Storage(folder / PIXELS_FILE, spec), workers=workers)


def seconds(ways: dict[str, Callable[[], object]], clock: Callable[[], float]) -> dict[str, float]:
    """Return the best time of each way over `ROUNDS` rounds in turns."""
    best = dict.fromkeys(ways, float("inf"))
    for _ in range(ROUNDS):
        for name, way in ways.items():
            began = clock()
            way()
            best[name] = min(best[name], clock() - began)
    return best


def processor_time() -> float:
    """Return the seconds of processor time of this process and its ended children."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def memory(what: str, folder: Path, repeat: int) -> float:
    """Return by how many MiB a process of its own grows at its largest while it does `what`."""
    command = [sys.executable, __file__, "--images", str(folder), "--only", what, "--repeat", str(repeat)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])


def only(what: str, files: list[Path]) -> float:
    """Do one thing once and return the growth of memory in MiB."""
    notebook(files[:2]) if what == "notebook" else ours(files[:2])  # libraries do not count, only images
    before = peak()
    with tempfile.TemporaryDirectory() as folder:
        notebook(files) if what == "notebook" else whole(files, Path(folder), workers=1)
    return peak() - before


def peak() -> float:
    """Return the largest memory of this process so far in MiB; `ru_maxrss` would be that of its parent, which a child inherits."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")) / 1024


def enlarged_sample(folder: Path) -> None:
    """Write pictures of the histology sample, enlarged to 500 x 500 with sensor noise, half as PNG and half as JPEG."""
    from PIL import Image

    from components.ingest.sample import write_sample

    write_sample(folder / "source", "histology", images=80, seed=0)
    random = np.random.default_rng(0)
    for place, file in enumerate(sorted((folder / "source").rglob("*.png"))):
        try:
            pixels = np.asarray(Image.open(file).convert("RGB").resize((500, 500), Image.Resampling.BICUBIC), dtype=np.float32)
        except OSError:  # the broken files that the sample plants
            continue
        noisy = Image.fromarray(np.clip(pixels + random.normal(0, 4, pixels.shape), 0, 255).astype(np.uint8))
        noisy.save(folder / (f"{place}.png" if place % 2 else f"{place}.jpg"), quality=90)


def say(text: str) -> None:
    """Print a line."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def report(files: list[Path], folder: Path) -> None:
    """Measure time and print it."""
    count = len(files)
    ways = {
        "notebook (nearest)": lambda: notebook(files),
        "notebook (bilinear)": lambda: notebook(files, interpolation="bilinear"),
        "codec alone, the limit": lambda: codec(files),
        **({"codec at half the size": lambda: half(files)} if files[0].suffix == ".jpg" else {}),
        "ours, decode + resize": lambda: ours(files),
        "ours, whole scan": lambda: whole(files, folder, workers=1),
    }
    keep_freed_memory()  # as ingest does
    took = seconds(ways, time.process_time)
    say(f"{count} {files[0].suffix} images to {SIDE} x {SIDE}, processor time on one core")
    for name, best in took.items():
        fast, same = (took[f"notebook ({how})"] / best for how in ("nearest", "bilinear"))
        say(
            f"  {name:<22} {1e3 * best / count:6.2f} ms, {count / best:6.0f} images/s, "
            f"{fast:.2f}x the notebook, {same:.2f}x the notebook that interpolates"
        )
    report_scaling(files * (1 + MANY // count), folder, SPEC)


def report_scaling(files: list[Path], folder: Path, spec: ImageSpec, *, rounds: int = 2) -> None:
    """Measure a whole scan on one core and on two, in turns, and print by how much two are faster."""
    clock = dict.fromkeys((1, 2), float("inf"))
    spent = clock.copy()
    for _ in range(rounds):
        for processes in clock:
            began, before = time.monotonic(), processor_time()
            whole(files, folder, workers=processes, spec=spec)
            clock[processes] = min(clock[processes], time.monotonic() - began)
            spent[processes] = min(spent[processes], processor_time() - before)
    say(
        f"  whole scan of {len(files):,} images to {spec.height} x {spec.width} on 2 of {os.cpu_count()} cores: "
        f"{2 * spent[1] / spent[2]:.2f}x one core by processor time ({spent[1]:.1f} s, and {spent[2]:.1f} s on both together), "
        f"{clock[1] / clock[2]:.2f}x by the clock ({clock[1]:.1f} and {clock[2]:.1f} s)"
    )


def patches(folder: Path) -> list[Path]:
    """Write tissue patches of 50 x 50 and return them, again and again."""
    from components.ingest.sample import write_sample

    write_sample(folder / "patches", "idc", images=200, seed=0)
    files = [file for file in sorted((folder / "patches").rglob("*.png")) if file.stat().st_size > PATCH.width]
    return (files * (1 + PATCHES // len(files)))[:PATCHES]


def report_memory(folder: Path, count: int) -> None:
    """Measure memory and print it. It is that of the arrays, whatever the format of the files."""
    repeat = 1 + MANY // count
    grown = {what: memory(what, folder, repeat) for what in ("notebook", "ours")}
    ratio = grown["notebook"] / max(grown["ours"], 1)
    say(f"memory for {repeat * count} images: notebook {grown['notebook']:.0f} MiB, ours {grown['ours']:.1f} MiB: {ratio:.0f}x less")


def report_hashes(count: int) -> None:
    """Measure the search for near duplicates among random hashes and print it."""
    random = np.random.default_rng(0)
    hashes = [random.bytes(32) for _ in range(count)]
    began, before = time.monotonic(), time.process_time()
    near_duplicates(hashes)
    spent = time.process_time() - before
    say(f"near duplicates among {count:,} hashes: {time.monotonic() - began:.2f} s, {spent:.2f} s of processor time")


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--images", type=Path, help="folder of .png and .jpg images to use")
    parser.add_argument("--only", choices=("notebook", "ours"), help=argparse.SUPPRESS)
    parser.add_argument("--repeat", type=int, default=1, help=argparse.SUPPRESS)
    parser.add_argument("--hashes", type=int, default=HASHES, help="so many hashes are searched for near duplicates")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.images is None:
            enlarged_sample(folder)
        root = options.images or folder
        counts: list[int] = []
        for kind in ("*.jpg", "*.png"):
            files = sorted(file for file in root.glob(kind) if "_mask" not in file.name)
            if options.only and files:
                say(str(only(options.only, files * options.repeat)))
                return
            if files:
                report(files, folder)
                counts.append(len(files))
        if counts:
            report_scaling(patches(folder), folder, PATCH, rounds=1)
            report_memory(root, counts[0])
    report_hashes(options.hashes)


if __name__ == "__main__":
    main()
