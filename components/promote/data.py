"""The certificate of a version's data, verified again: not that there is one, but that it holds for what was trained and tested."""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from components.domain.artifacts import CERTIFIED_FILE, read_certified
from components.domain.certificate import CERTIFICATE_FILE, Certificate, Row, rows_digest
from components.domain.errors import InputError, RefusedError
from components.domain.predictions import Predictions
from components.domain.report import Report


@dataclass(frozen=True)
class Data:
    """What a version's run keeps of its data.

    Attributes:
        rows: of every certified image, with its split; None where they are not kept.
        faults: what does not hold; unproven: what could not be checked.
    """

    rows: tuple[Row, ...] | None
    faults: tuple[str, ...] = ()
    unproven: tuple[str, ...] = ()


def verify_data(directory: Path, report: Report, predictions: Predictions) -> Data:
    """Count the certificate's claims again from the certified rows, and hold report and predictions against them.

    Args:
        directory: holds `certificate.json` and `certified.parquet`, as the version's run keeps them.
        report: of the version.
        predictions: of the version on its test split.
    """
    for name in (CERTIFICATE_FILE, CERTIFIED_FILE):
        if not (directory / name).is_file():
            said = f"the certificate of the data cannot be verified: the version's run holds no {name}; register it by `lobule run`"
            return Data(None, unproven=(said,))
    try:
        certificate, rows = Certificate.read(directory), tuple(read_certified(directory))
    except (InputError, RefusedError) as error:
        return Data(None, faults=(f"the certificate of the data does not hold: {error}",))
    held = {
        "it is not the certificate that the report names": certificate.digest == report.certificate,
        "it is of another data set than the report's": certificate.dataset == report.dataset,
        "the report's test split is not the certified one": certificate.splits.get("test") == report.test,
        "the splits are not the certified ones": all(
            rows_digest(row for row in rows if row[3] == split) == digest for split, digest in certificate.splits.items()
        ),
        "look-alikes lie in different splits": certificate.leaking or not certificate.edges_across_splits,
        "groups have images in different splits": certificate.leaking or not _across(rows),
        "the predictions are not of the certified test images": _tested(rows) == _predicted(predictions, report),
    }
    return Data(
        rows, tuple(f"the certificate of the data does not hold: {fault}; train again" for fault, holds in held.items() if not holds)
    )


def _across(rows: tuple[Row, ...]) -> int:
    sides: dict[str, set[str]] = defaultdict(set)
    for _, _, group, split in rows:
        sides[group].add(split)
    return sum(len(found) > 1 for found in sides.values())


def _tested(rows: tuple[Row, ...]) -> list[tuple[str, str, str]]:
    return sorted((identity, group, label) for identity, label, group, split in rows if split == "test")


def _predicted(predictions: Predictions, report: Report) -> list[tuple[str, str, str]]:
    labels = [report.classes[index] for index in predictions.scored.labels.tolist()]
    return sorted(zip(predictions.ids, predictions.groups, labels, strict=True))
