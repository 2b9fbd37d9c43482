import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage

from components.domain.artifacts import read_dataset
from components.domain.recipe import Recipe
from components.ingest.ingest import ingest_source
from components.ingest.inspect import inspect_source
from components.ingest.report import render

RECIPE = Recipe(name="test", task="ultrasound", backbone="convnet", image_size=32)
NAMES = ("{}.dcm", "{}.DCM", "IM{}", "1.2.840.113619.{}")


def write_dicom(file: Path, pixels: np.ndarray) -> None:
    found = Dataset()
    found.file_meta = FileMetaDataset()
    found.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    found.SOPClassUID, found.SOPInstanceUID = SecondaryCaptureImageStorage, "1.2.3"
    found.PatientName, found.PatientID = "Musterfrau^Erika", "19640812-77"
    found.Rows, found.Columns = pixels.shape[:2]
    found.SamplesPerPixel, found.PhotometricInterpretation, found.PlanarConfiguration = 3, "RGB", 0
    found.BitsAllocated, found.BitsStored, found.HighBit, found.PixelRepresentation = 8, 8, 7, 0
    found.PixelData = pixels.tobytes()
    file.parent.mkdir(parents=True, exist_ok=True)
    found.save_as(file, enforce_file_format=True)


@pytest.fixture
def source(draw, tmp_path: Path) -> Path:
    """The same pictures as PNG and as DICOM, some without an extension, with files beside them that are none."""
    root = draw({f"{label}/{row}.png": 100 * place + row for place, label in enumerate(("benign", "malignant")) for row in range(8)})
    for file in sorted(root.rglob("*.png")):
        target = tmp_path / "dicom" / file.parent.name / NAMES[int(file.stem) % len(NAMES)].format(file.stem)
        write_dicom(target, np.asarray(Image.open(file)))
    (tmp_path / "dicom" / "DICOMDIR").write_bytes((tmp_path / "dicom" / "benign" / "IM2").read_bytes())
    (tmp_path / "dicom" / "README").write_text("no image")
    return tmp_path / "dicom"


def test_dicom_files_with_and_without_extension_are_images_like_others(source: Path, tmp_path: Path) -> None:
    recipe = RECIPE
    one = ingest_source(str(tmp_path / "source"), tmp_path / "one", recipe=recipe, cache=tmp_path / "cache")
    two = ingest_source(str(source), tmp_path / "two", recipe=recipe, cache=tmp_path / "cache")
    assert two.images == 16
    assert one.dataset == two.dataset
    assert set(read_dataset(tmp_path / "two").column("mode")) == {"RGB 8-bit"}
    assert [each.source for each in two.excluded] == []


def test_a_zip_of_dicom_is_read_and_no_name_of_a_patient_leaves_it(source: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "study.zip", "w") as archive:
        for file in sorted(source.rglob("*")):
            archive.write(file, file.relative_to(source))
    seen = inspect_source(str(tmp_path / "study.zip"), cache=tmp_path / "cache")
    assert (seen.images, seen.findings) == (16, [])
    assert [each.source for each in seen.skipped] == ["DICOMDIR", "README"]
    assert "Musterfrau" not in f"{seen.to_dict()}{render(seen)}"
    ingest_source(str(tmp_path / "study.zip"), tmp_path / "dataset", recipe=RECIPE, cache=tmp_path / "cache")
    assert not [file for file in (tmp_path / "dataset").rglob("*") if file.is_file() and b"Musterfrau" in file.read_bytes()]
