"""A manifest: a CSV or Parquet file with one row an image, the layout of whoever keeps labels in a table.

Columns (in any case and order): `path`, relative to the manifest, and `label`; if there, any of `patient`, `case`, `group`, `slide`
(rows that share one of them are one group), `split` and `mask` (several with `|` between). Every other column is kept as a slice.
"""

import csv
import io
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from components.domain.certificate import Excluded
from components.domain.errors import InputError
from components.ingest.layouts.layout import SPLIT_FOLDERS, Found, fits

SUFFIXES = (".csv", ".tsv", ".parquet")
GROUPS = ("patient", "case", "group", "slide")
KNOWN = {"path", "label", "split", "mask", *GROUPS}
SEPARATORS = ",;\t"
_WRITE = "write a line of names such as path,label,patient,split"

Row = dict[str, str]


def is_manifest_name(name: str) -> bool:
    """Tell whether a file may be a manifest by its name."""
    return name.lower().endswith(SUFFIXES)


def read_manifest(file: Path, root: Path) -> tuple[list[Found], list[Excluded]]:
    """Read a manifest.

    Args:
        file: the manifest.
        root: the source; images are named relative to it.

    Returns:
        The images, sorted by source, and the rows that are none, with the reason.

    Raises:
        InputError: if a column is missing, a path leads out of the manifest's folder, most files are missing, or rows contradict.
    """
    rows = _rows(file)
    groups = _unite(rows)
    base = file.parent.relative_to(root)
    found: dict[str, tuple[int, Found]] = {}
    left_out: list[Excluded] = []
    absent = 0
    for number, (row, group) in enumerate(zip(rows, groups, strict=True)):
        source = (base / _below(file, row["path"], rows)).as_posix()
        masks = tuple((base / _below(file, mask.strip(), rows)).as_posix() for mask in row.get("mask", "").split("|") if mask.strip())
        slices = tuple(sorted((name, value) for name, value in row.items() if name not in KNOWN and value))
        image = Found(root / source, source, row["label"], group, masks, _split(file, row.get("split", "")), slices)
        before, same = found.get(source, (number, image))
        if same != image:
            raise InputError(
                f"a manifest must not contradict itself, but {file.name} describes {row['path']!r} differently in rows {before + 1} and "
                f"{number + 1}; keep one of them"
            )
        if source in found:
            left_out.append(Excluded(source, f"the manifest names it twice (rows {before + 1} and {number + 1}); taken once"))
        elif not image.label:
            left_out.append(Excluded(source, "the manifest gives no label"))
        elif not image.path.is_file():
            absent += 1
            left_out.append(Excluded(source, "the manifest names it, but it is not there"))
        else:
            found[source] = number, image
    if absent and not fits(len(found), len(found) + absent):
        first = next(each.source for each in left_out if each.reason.endswith("not there"))
        raise InputError(
            f"a manifest must name files that are there, but {absent:,} of {len(rows):,} in {file.name} are not, such as {first}; "
            "put the manifest where its paths start"
        )
    images = [image for _, (_, image) in sorted(found.items())]
    return images, left_out


def _rows(file: Path) -> list[Row]:
    """Return the rows with their columns in lower case, every value as text."""
    try:
        names, values = _parquet(file) if file.suffix.lower() == ".parquet" else _csv(file)
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(
            f"a manifest must be a UTF-8 CSV or a Parquet file, but {file.name} is not ({type(error).__name__}); {_WRITE}"
        ) from None
    columns = [name.strip().lower() for name in names]
    for name in ("path", "label"):
        if name not in columns:
            raise InputError(
                f"a manifest must have the columns path and label, but {file.name} has {', '.join(columns) or 'none'}; {_WRITE}"
            )
    if len(set(columns)) < len(columns):
        raise InputError(f"the columns of a manifest must differ, but {file.name} has {', '.join(columns)}; rename one")
    rows = []
    for number, row in enumerate(values, start=1):
        if len(row) != len(columns):
            raise InputError(f"each row must have {len(columns)} values, but row {number} of {file.name} has {len(row)}; quote or mend it")
        rows.append(dict(zip(columns, (value.strip() for value in row), strict=True)))
    if not rows:
        raise InputError(f"a manifest must name images, but {file.name} has no row; add one for each image")
    return rows


def _csv(file: Path) -> tuple[list[str], Iterator[list[str]]]:
    text = file.read_text(encoding="utf-8-sig")
    first = text.partition("\n")[0]
    separator = max(SEPARATORS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    lines = [line for line in reader if line]
    return (lines[0] if lines else []), iter(lines[1:])


def _parquet(file: Path) -> tuple[list[str], Iterator[list[str]]]:
    import pyarrow.parquet as pq

    table = pq.read_table(file)
    columns = [column.to_pylist() for column in table.columns]
    return table.column_names, (["" if value is None else str(value) for value in row] for row in zip(*columns, strict=True))


def _below(file: Path, path: str, rows: list[Row]) -> PurePosixPath:
    """Return a path of the manifest if it stays below the manifest's folder."""
    if not _stays(path):
        count = sum(not _stays(row["path"]) for row in rows)
        raise InputError(
            f"the paths of a manifest must lie below its folder, but {file.name} names {path!r} ({count:,} such rows); "
            "put the manifest above the images and write paths relative to it"
        )
    return PurePosixPath(os.path.normpath(path.replace("\\", "/")))


def _stays(path: str) -> bool:
    normal = os.path.normpath(path.replace("\\", "/"))
    return bool(path) and "\0" not in path and not normal.startswith(("/", "../")) and normal not in ("..", ".") and normal[1:2] != ":"


def _split(file: Path, value: str) -> str:
    if value and value.lower() not in SPLIT_FOLDERS:
        raise InputError(f"a split must be one of {', '.join(SPLIT_FOLDERS)}, but {file.name} names {value!r}; rename it or leave it empty")
    return SPLIT_FOLDERS.get(value.lower(), "")


def _unite(rows: list[Row]) -> list[str]:
    """Return the group of each row: rows that share a patient, case, group or slide are one, named by the first of these that is known."""
    above: dict[str, str] = {}

    def top(key: str) -> str:
        while above.setdefault(key, key) != key:
            above[key] = key = above[above[key]]
        return key

    keys = [[f"{place}\0{row[name]}" for place, name in enumerate(GROUPS) if row.get(name)] for row in rows]
    for mine in keys:
        for key in mine[1:]:
            one, other = sorted((top(mine[0]), top(key)))
            above[other] = one
    return [top(mine[0]).partition("\0")[2] if mine else "" for mine in keys]
