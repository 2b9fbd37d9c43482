"""DICOM images through the one decoder: values worked by hand, and every file that pydicom brings for its own tests."""

import contextlib
import io
import logging
import warnings
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEGBaseline8Bit, RLELossless, SecondaryCaptureImageStorage

from serving.imaging import ImageError, decode

SIDE = 16
NAME = "Musterfrau^Erika"
FILES = sorted(path for path in (Path(pydicom.__file__).parent / "data" / "test_files").rglob("*.dcm"))


def dicom(
    values: np.ndarray, kind: str = "MONOCHROME2", *, syntax: str = ExplicitVRLittleEndian, prefix: bool = True, **tags: object
) -> bytes:
    """A DICOM file whose upper left pixels are `values`, uint8 or uint16 or int16, [n] or [n, 3]; the others are 0."""
    pixels = np.zeros((SIDE, SIDE, *values.shape[1:]), values.dtype)
    pixels[0, : len(values)] = values
    found = Dataset()
    found.file_meta = FileMetaDataset()
    found.file_meta.TransferSyntaxUID = syntax
    found.file_meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    found.SOPClassUID, found.SOPInstanceUID = SecondaryCaptureImageStorage, "1.2.3.4"
    found.PatientName, found.PatientID = NAME, "19640812-77"
    found.Rows, found.Columns = SIDE, SIDE
    found.SamplesPerPixel, found.PhotometricInterpretation = pixels[0, 0].size, kind
    found.PlanarConfiguration = 0
    found.BitsAllocated = found.BitsStored = 8 * values.itemsize
    found.HighBit, found.PixelRepresentation = found.BitsStored - 1, int(values.dtype.kind == "i")
    found.PixelData = pixels.tobytes()
    for name, value in tags.items():
        setattr(found, name, value)
    file = io.BytesIO()
    found.save_as(file, enforce_file_format=prefix, implicit_vr=syntax == ImplicitVRLittleEndian, little_endian=True)
    return file.getvalue()


def gray(data: bytes, count: int) -> list[int]:
    pixels = decode(data).pixels
    assert pixels.shape == (SIDE, SIDE, 3)
    assert (pixels[..., :1] == pixels).all()
    return pixels[0, :count, 0].tolist()


def table(*entries: int, bits: int = 8) -> Dataset:
    lut = Dataset()
    lut.add_new("LUTDescriptor", "US", [len(entries), 0, bits])
    lut.add_new("LUTData", "US", list(entries))
    return lut


U8, U16, I16 = (lambda *values, kind=kind: np.array(values, kind) for kind in (np.uint8, np.uint16, np.int16))

SHIFTED = {"RescaleSlope": 2, "RescaleIntercept": -100}


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        pytest.param(dicom(U8(0, 7, 255)), [0, 7, 255], id="8 bits stay as they are"),
        pytest.param(dicom(U8(0, 7, 255), "MONOCHROME1"), [255, 248, 0], id="MONOCHROME1 is inverted"),
        pytest.param(dicom(U16(0, 500, 1000)), [0, 128, 255], id="16 bits without a window lie between their ends"),
        pytest.param(dicom(I16(-1000, 0, 1000)), [0, 128, 255], id="also signed ones"),
        # y = ((x - 39.5) / 99 + 0.5) * 255: -10 -> 0, 40 -> 128.8, 89 -> 255
        pytest.param(dicom(I16(-11, 40, 90), WindowCenter=40, WindowWidth=100), [0, 129, 255], id="linear window"),
        pytest.param(dicom(U8(40, 65, 90), WindowCenter=65, WindowWidth=50, VOILUTFunction="LINEAR_EXACT"), [0, 128, 255], id="exact"),
        # 255 / (1 + exp(-4 * (x - 50) / 40)): 50 -> 127.5, 60 -> 186.4
        pytest.param(dicom(U8(50, 60), WindowCenter=50, WindowWidth=40, VOILUTFunction="SIGMOID"), [128, 186], id="sigmoid window"),
        pytest.param(dicom(U8(0, 10, 20), WindowCenter=[10, 99], WindowWidth=[21, 9]), [6, 134, 255], id="the first of two windows"),
        pytest.param(dicom(U8(40, 65, 90), "MONOCHROME1", WindowCenter=65.5, WindowWidth=51), [255, 128, 0], id="window, then inverted"),
        # 2 x - 100 is -100, 0, 100 under a window from -100 to 100
        pytest.param(dicom(U8(0, 50, 100), **SHIFTED, WindowCenter=0.5, WindowWidth=201), [0, 128, 255], id="rescaled"),
        pytest.param(dicom(U8(0, 1, 2), VOILUTSequence=[table(0, 10, 255)]), [0, 10, 255], id="VOI table"),
        pytest.param(dicom(U8(0, 1, 2), VOILUTSequence=[table(0, 2047, 4095, bits=12)]), [0, 127, 255], id="VOI table of 12 bits"),
        pytest.param(dicom(U8(3, 9), WindowCenter=5, WindowWidth=0), [3, 9], id="a window without width is none"),
        pytest.param(dicom(U8(0, 7, 255), syntax=ImplicitVRLittleEndian), [0, 7, 255], id="implicit types"),
        pytest.param(dicom(U8(0, 7, 255), prefix=False), [0, 7, 255], id="without the prefix"),
    ],
)  # fmt: skip
def test_gray_values_are_what_a_viewer_shows(data: bytes, shown: list[int]) -> None:
    assert gray(data, len(shown)) == shown


def test_colours_of_8_and_of_16_bits_become_rgb() -> None:
    assert decode(dicom(U8(1, 2, 3).reshape(1, 3), "RGB")).pixels[0, 0].tolist() == [1, 2, 3]
    assert decode(dicom(U16(0, 32768, 65535).reshape(1, 3), "RGB")).pixels[0, 0].tolist() == [0, 128, 255]
    # full-range YCbCr of pure red is (76.2, 85.0, 255)
    assert decode(dicom(U8(76, 85, 255).reshape(1, 3), "YBR_FULL")).pixels[0, 0] == pytest.approx([254, 0, 0], abs=1)


def test_a_palette_becomes_rgb() -> None:
    colours = {
        f"{colour}PaletteColorLookupTable{what}": value
        for colour, data in (("Red", b"\0\xff"), ("Green", b"\0\x80"), ("Blue", b"\0\x01"))
        for what, value in (("Descriptor", [2, 0, 8]), ("Data", data))
    }
    found = decode(dicom(U8(1, 0), "PALETTE COLOR", **colours))
    assert found.pixels[0, :2].tolist() == [[255, 128, 1], [0, 0, 0]]
    assert (found.mode, found.format) == ("PALETTE COLOR 8-bit", "DICOM")


def test_compressed_pictures_are_read() -> None:
    plain = dicom(U8(9, 7, 255))
    packed = pydicom.dcmread(io.BytesIO(plain))
    packed.compress(RLELossless)
    file = io.BytesIO()
    packed.save_as(file)
    assert gray(file.getvalue(), 3) == [9, 7, 255]


def encapsulated(picture: Image.Image, **tags: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=95)
    return dicom(U8(0), syntax=JPEGBaseline8Bit, PixelData=encapsulate([buffer.getvalue()]), **tags)


def test_a_jpeg_inside_must_have_the_size_of_the_header() -> None:
    assert gray(encapsulated(Image.new("L", (SIDE, SIDE), 100)), 1) == [100]
    with pytest.raises(ImageError, match="truncated or damaged"):
        decode(encapsulated(Image.new("L", (4000, 4000), 100)))


def test_run_lengths_that_unpack_to_more_than_the_header_says_are_refused_at_once() -> None:
    header = np.array([1, 64] + [0] * 14, "<u4").tobytes()
    bomb = header + b"\x81\x00" * 2_000_000  # 256 MB
    with pytest.raises(ImageError, match="truncated or damaged"):
        decode(dicom(U8(0), syntax=RLELossless, PixelData=encapsulate([bomb])))


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (dicom(U8(1), NumberOfFrames=2), "several_frames"),
        (dicom(U8(1), Rows=60000, Columns=60000), "too_many_pixels"),
        (dicom(U8(1), Rows=8), "too_small"),
        (dicom(U8(1), PhotometricInterpretation=NAME.upper()[:10]), "unsupported_colours"),
        (dicom(U8(1), "HSV"), "unsupported_colours"),
        (dicom(U8(1))[:-20], "damaged"),
        (b"\0" * 128 + b"DICM", "no_picture"),
        (b"\0" * 128 + b"DICM" + b"\xff" * 500, "no_picture"),
        (dicom(U8(1), syntax="1.2.840.10008.1.2.4.70", PixelData=encapsulate([b"x" * 20])), "unsupported_compression"),
    ],
)
def test_what_is_no_single_picture_is_refused(data: bytes, code: str) -> None:
    with pytest.raises(ImageError) as caught:
        decode(data)
    assert caught.value.code == code
    assert NAME not in str(caught.value)


@pytest.mark.parametrize(
    ("syntax", "how"),
    [
        ("1.2.840.10008.1.2.4.70", "compressed as JPEG Lossless, Non-Hierarchical, First-Order Prediction"),
        ("1.2.840.10008.1.2.4.80", "compressed as JPEG-LS Lossless Image Compression, which is not read here"),
    ],
)
def test_a_compression_that_is_not_read_is_named_with_a_remedy(syntax: str, how: str) -> None:
    with pytest.raises(ImageError, match=how) as caught:
        decode(dicom(U8(1), syntax=syntax, PixelData=encapsulate([b"x" * 20])))
    assert "gdcmconv --raw" in caught.value.remedy


def test_a_deflated_file_is_refused_before_it_is_unpacked() -> None:
    deflated = next(path for path in FILES if path.name == "image_dfl.dcm").read_bytes()
    with pytest.raises(ImageError, match="the DICOM image is deflated; export it uncompressed"):
        decode(deflated)


def test_limits_of_bytes_and_pixels_are_the_callers() -> None:
    data = dicom(U8(1))
    with pytest.raises(ImageError, match=r"may hold 100 bytes"):
        decode(data, max_bytes=100)
    with pytest.raises(ImageError, match=r"may hold 255 pixels, but got 16 x 16"):
        decode(data, max_pixels=SIDE * SIDE - 1)
    assert decode(data, max_pixels=SIDE * SIDE).pixels.shape == (SIDE, SIDE, 3)


def test_nothing_of_the_patient_is_returned_logged_or_warned(caplog: pytest.LogCaptureFixture) -> None:
    broken = dicom(U8(1), PatientBirthDate="19640812").replace(b"19640812", b"1964-8-x")
    with caplog.at_level(logging.DEBUG), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = decode(broken)
    assert (found.mode, found.format) == ("MONOCHROME2 8-bit", "DICOM")
    assert set(vars(found)) == {"pixels", "mode", "format"}
    assert caught == []
    assert NAME not in caplog.text
    assert "1964" not in caplog.text


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_file_of_pydicom_is_read_or_refused(file: Path) -> None:
    try:
        found = decode(file.read_bytes())
    except ImageError as error:
        assert error.status in (400, 413, 415)
        return
    assert found.pixels.dtype == np.uint8
    assert found.pixels.ndim == 3
    assert found.pixels.max() > found.pixels.min()


@pytest.mark.parametrize("name", ["MR_small_RLE", "MR_small_bigendian", "MR_small_implicit", "MR_small_jp2klossless", "MR_small_padded"])
def test_one_picture_stored_in_several_ways_is_one_picture(name: str) -> None:
    files = {file.stem: file for file in FILES}
    assert np.array_equal(decode(files[name].read_bytes()).pixels, decode(files["MR_small"].read_bytes()).pixels)


@pytest.mark.parametrize("seed", range(5))
def test_flipped_bytes_never_end_in_another_error(seed: int) -> None:
    random = np.random.default_rng(seed)
    originals = [dicom(U16(1, 2, 3)), dicom(U8(0, 7), WindowCenter=3, WindowWidth=5), encapsulated(Image.new("L", (SIDE, SIDE)))]
    for original in originals * 40:
        data = np.frombuffer(original, np.uint8).copy()
        places = random.integers(128, min(len(data), 900), 3)
        data[places] = random.integers(0, 256, 3)
        with contextlib.suppress(ImageError):
            decode(data.tobytes(), max_pixels=10**6)
