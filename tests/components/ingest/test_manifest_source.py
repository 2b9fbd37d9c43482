import csv
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.domain.artifacts import read_dataset
from components.domain.certificate import Excluded
from components.domain.errors import InputError
from components.domain.recipe import Recipe
from components.ingest.ingest import ingest_source
from components.ingest.inspect import inspect_source
from components.ingest.layouts import Listing, list_images
from components.ingest.layouts.layout import Found
from components.ingest.source import open_source, source_version

RECIPE = Recipe(name="test", task="histology", backbone="convnet", image_size=32)


def listed(root: Path, text: str, *, name: str = "manifest.csv", images: tuple[str, ...] = ("a.png", "b.png")) -> Listing:
    for image in images:
        (root / image).parent.mkdir(parents=True, exist_ok=True)
        (root / image).touch()
    (root / name).write_text(text)
    return list_images(root)


def test_a_row_says_everything_of_its_image_and_other_columns_are_slices(tmp_path: Path) -> None:
    text = "Path,Label,patient,SPLIT,scanner,mask\na.png,benign,ann,val,GE,m1.png|m2.png\nb.png,malignant,bo,train,,\n"
    assert listed(tmp_path, text, images=("a.png", "b.png", "c.png", "m1.png", "m2.png")) == Listing(
        "manifest",
        [
            Found(tmp_path / "a.png", "a.png", "benign", "ann", ("m1.png", "m2.png"), "validation", (("scanner", "GE"),)),
            Found(tmp_path / "b.png", "b.png", "malignant", "bo", (), "train", ()),
        ],
        [],
        [Excluded("c.png", "the manifest does not name it")],
    )


@pytest.mark.parametrize(
    "text", ["path;label\na.png;x\nb.png;y\n", "\ufeffpath\tlabel\r\na.png\tx\r\nb.png\ty", 'label,path\n"x","a.png"\n\ny,.\\b.png\n']
)
def test_tables_of_other_programs_are_read_too(tmp_path: Path, text: str) -> None:
    assert [(each.source, each.label) for each in listed(tmp_path, text).images] == [("a.png", "x"), ("b.png", "y")]


def test_a_parquet_file_says_the_same(tmp_path: Path) -> None:
    pq.write_table(pa.table({"path": ["a.png", "b.png"], "label": [0, 1], "slide": ["007", None]}), tmp_path / "manifest.parquet")
    for name in ("a.png", "b.png"):
        (tmp_path / name).touch()
    assert [(each.label, each.group) for each in list_images(tmp_path).images] == [("0", "007"), ("1", "")]


def test_rows_that_share_any_of_their_groups_are_one_group(tmp_path: Path) -> None:
    # a and b share a slide, b and c a patient: one group; d is alone; nobody is known of e
    text = "path,label,patient,slide\na.png,x,ann,s1\nb.png,x,bo,s1\nc.png,y,bo,\nd.png,y,cy,s2\ne.png,y,,\n"
    listing = listed(tmp_path, text, images=tuple(f"{name}.png" for name in "abcde"))
    assert [each.group for each in listing.images] == ["ann", "ann", "ann", "cy", ""]


def test_a_patient_and_a_slide_of_one_name_are_not_the_same(tmp_path: Path) -> None:
    groups = [each.group for each in listed(tmp_path, "path,label,patient,slide\na.png,x,1,2\nb.png,y,2,1\n").images]
    assert groups == ["1", "2"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must have the columns path and label, but manifest.csv has none; write a line of names such as path,label"),
        ("file,label\na.png,x\n", "must have the columns path and label, but manifest.csv has file, label"),
        ("path,label\n", "must name images, but manifest.csv has no row"),
        ("path,label,Label\na.png,x,y\n", "columns of a manifest must differ"),
        ("path,label\na.png\n", "each row must have 2 values, but row 1 of manifest.csv has 1"),
        ("path,label\n/etc/passwd,x\n../b.png,y\n", r"must lie below its folder, but manifest.csv names '/etc/passwd' \(2 such rows\)"),
        ("path,label\nx/../../b.png,x\n", r"names 'x/../../b.png' \(1 such rows\)"),
        ("path,label\nC:\\b.png,x\n", "must lie below its folder"),
        ("path,label,mask\na.png,x,../m.png\n", r"names '\.\./m\.png'"),
        ("path,label,split\na.png,x,holdout\n", "a split must be one of train, .*, but manifest.csv names 'holdout'"),
        ("path,label\na.png,x\nb.png,y\na.png,y\n", "describes 'a.png' differently in rows 1 and 3; keep one"),
        ("path,label\na.png,x\nc.png,y\n", r"1 of 2 in manifest.csv are not, such as c.png; put the manifest where its paths start"),
    ],
)
def test_a_manifest_that_cannot_be_meant_is_refused_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        listed(tmp_path, text)
    assert "\n" not in str(caught.value)


def test_a_manifest_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "manifest.parquet").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match=r"must be a UTF-8 CSV or a Parquet file, but manifest.parquet is not"):
        list_images(tmp_path)


def test_single_rows_without_file_or_label_and_repeated_ones_are_listed(tmp_path: Path) -> None:
    names = [f"{number}.png" for number in range(20)]
    text = "path,label\n" + "".join(f"{name},x\n" for name in names) + "lost.png,x\n3.png,x\nblank.png,\n"
    listing = listed(tmp_path, text, images=(*names, "blank.png"))
    assert len(listing.images) == 20
    assert listing.misfits == [
        Excluded("lost.png", "the manifest names it, but it is not there"),
        Excluded("3.png", "the manifest names it twice (rows 4 and 22); taken once"),
        Excluded("blank.png", "the manifest gives no label"),
    ]


def test_a_manifest_is_a_source_with_its_split_kept_and_its_slices_in_the_data_set(draw, tmp_path: Path) -> None:
    files = {f"images/{row}.png": row for row in range(36)}
    root = draw(files | {"elsewhere/x.png": 99})
    with (root / "labels.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["path", "label", "split", "site"])
        sides = ["train", "val", "test"]
        table.writerows([name, "BM"[row % 2], sides[row // 2 % 3], f"site {row % 5}"] for row, name in enumerate(files))
    source = str(root / "labels.csv")
    recipe = RECIPE.override({"positive": '["M"]'})
    ingest_source(source, tmp_path / "dataset", recipe=recipe, cache=tmp_path / "cache")
    dataset = read_dataset(tmp_path / "dataset")
    split = dict(zip(dataset.column("source"), dataset.column("split"), strict=True))
    assert split == {name: ("train", "validation", "test")[row // 2 % 3] for row, name in enumerate(files)}
    assert json.loads(dataset.column("slices")[dataset.column("source").index("images/7.png")]) == {"site": "site 2"}
    seen = inspect_source(source, cache=tmp_path / "cache")
    assert (seen.source, seen.layout, seen.kept, seen.findings) == (source, "manifest", 36, [])


def test_folds_keep_what_comes_from_one_site_together(draw, tmp_path: Path) -> None:
    root = draw({f"images/{row}.png": row for row in range(36)})
    rows = "".join(f"images/{row}.png,{'BM'[row % 2]},site {row // 6}\n" for row in range(36))
    (root / "labels.csv").write_text(f"path,label,site\n{rows}")
    recipe = RECIPE.override({"positive": '["M"]', "folds": "3", "fold": "1"})
    ingest_source(str(root / "labels.csv"), tmp_path / "dataset", recipe=recipe, cache=tmp_path / "cache")
    dataset = read_dataset(tmp_path / "dataset")
    sites = [json.loads(each)["site"] for each in dataset.column("slices")]
    tested = {site for site, split in zip(sites, dataset.column("split"), strict=True) if split == "test"}
    assert len(tested) == 2
    assert not tested & {site for site, split in zip(sites, dataset.column("split"), strict=True) if split != "test"}


def test_the_version_of_a_manifest_follows_itself_and_its_images(tmp_path: Path) -> None:
    listed(tmp_path, "path,label\na.png,x\n", name="manifest.csv", images=("a.png", "other.png"))
    (tmp_path / "manifest.csv").rename(tmp_path / "labels.csv")
    root = open_source(str(tmp_path / "labels.csv"), cache=tmp_path)
    versions = [source_version(root)]
    (tmp_path / "other.png").write_bytes(b"more")
    assert source_version(root) == versions[0]
    (tmp_path / "a.png").write_bytes(b"more")
    versions.append(source_version(root))
    (tmp_path / "labels.csv").write_text("path,label\na.png,longer\n")
    versions.append(source_version(root))
    assert len(set(versions)) == 3


def test_a_manifest_in_a_wrapping_folder_is_found(tmp_path: Path) -> None:
    (tmp_path / "set/x").mkdir(parents=True)
    listing = listed(tmp_path, "path,label\nx/a.png,benign\n", name="set/manifest.csv", images=("set/x/a.png",))
    assert [(each.source, each.label) for each in listing.images] == [("set/x/a.png", "benign")]
