"""Train/serve parity of what will really run: test images at their full size, through HTTP, must score as in the evaluation."""

import logging
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from components.domain.artifacts import held_out_file, read_dataset
from components.domain.errors import InputError, RefusedError
from components.domain.report import PREDICTIONS_FILE, Report
from components.domain.serving_check import TOLERANCE, ServeCheck
from components.serve_check.server import Client, serve_bento

logger = logging.getLogger(__name__)
MIB = 2**20


@dataclass(frozen=True)
class _Expected:
    probabilities: list[float]
    predicted_class: str
    verdict: str


def check_service(bento: Path, dataset: Path, report: Path, *, images: int, output: Path, predictions: Path) -> ServeCheck:
    """Serve a Bento, send it test images, and compare its answers with the report.

    Args:
        bento: the Bento's directory.
        dataset: data set artifact that keeps test images at full size (`held_out_file`).
        report: report artifact of the bundle in the Bento.
        images: how many test images are sent at most, spread over the split.
        output: directory for `serve_check.json`; written whether or not the answers agree.
        predictions: directory that becomes the prediction log.

    Raises:
        InputError: if the report is of another bundle or lacks the images, or the service does not come up.
        RefusedError: if the answers differ by more than `TOLERANCE`.
    """
    told = Report.read(report)
    kept = _held_out(dataset)
    if images < 1 or not kept:
        raise InputError(f"a check needs a test image, but got images={images} and {len(kept)} that are kept; ingest the data again")
    places = np.unique(np.linspace(0, len(kept) - 1, min(images, len(kept))).round().astype(int))
    chosen = [kept[place] for place in places]
    known = _expected(report)
    examples: dict[str, dict[str, object]] = {}
    times: list[float] = []
    differences: list[float] = []
    classes = verdicts = 0
    with tempfile.TemporaryDirectory(prefix="lobule-serve-check-") as home:
        with serve_bento(bento, home=Path(home), settings={"LOBULE_PREDICTION_LOG": str(predictions.resolve())}) as served:
            client = Client(served.port)
            digest = str(client.get("/health")["bundle"])
            if digest != told.bundle:
                raise InputError(
                    f"the report must be of the served bundle {digest}, but is of {told.bundle}; evaluate and package one model"
                )
            for identity, label, path in chosen:
                expected = known.get(identity)
                if expected is None:
                    raise InputError(f"the report must hold every test image, but lacks {identity}; evaluate the model again")
                encoded = path.read_bytes()
                began = time.perf_counter()
                answer = client.predict(encoded)
                times.append(1e3 * (time.perf_counter() - began))
                differences.append(_difference(answer, expected, told.classes))
                classes += answer["class_name"] != expected.predicted_class
                verdicts += answer["verdict"] != expected.verdict
                examples.setdefault(label, {"label": label, **{name: answer[name] for name in ("class_name", "confidence", "verdict")}})
            client.close()
        p50, p95 = np.percentile(times, [50, 95])
    check = ServeCheck(
        bundle=digest,
        images=len(chosen),
        largest_difference=max(differences),
        differing_classes=classes,
        differing_verdicts=verdicts,
        p50_ms=float(p50),
        p95_ms=float(p95),
        ready_seconds=served.ready_seconds,
        bundle_mib=sum(file.stat().st_size for file in (bento / "src" / "bundle").rglob("*") if file.is_file()) / MIB,
        examples=list(examples.values()),
    )
    check.write(output)
    logger.info(
        "%d images, largest difference %.2g, p50 %.1f ms, p95 %.1f ms, ready in %.1f s",
        check.images, check.largest_difference, check.p50_ms, check.p95_ms, check.ready_seconds,
    )  # fmt: skip
    if not check.agrees:
        raise RefusedError(
            f"the service must score within {TOLERANCE} of the evaluation, but differs by {check.largest_difference:.4g} "
            f"and in {check.differing_classes} classes; evaluate and package on the same kind of machine"
        )
    return check


def _expected(report: Path) -> dict[str, _Expected]:
    table = pq.read_table(report / PREDICTIONS_FILE)
    return {
        row["id"]: _Expected(row["probabilities"], row["predicted_class"], row["verdict"])
        for row in table.to_pylist()
        if row["chosen"] and row["split"] == "test"
    }


def _held_out(dataset: Path) -> list[tuple[str, str, Path]]:
    """Return (id, label, file) of the test images that the data set keeps at full size, in manifest order."""
    data = read_dataset(dataset)
    ids, labels = data.column("id"), data.column("label")
    files = [(ids[row], labels[row], held_out_file(dataset, ids[row])) for row in data.rows("test")]
    return [each for each in files if each[2].is_file()]


def _difference(answer: dict[str, object], expected: _Expected, classes: list[str]) -> float:
    given = answer["probabilities"]
    assert isinstance(given, dict)
    return max(abs(float(given[name]) - value) for name, value in zip(classes, expected.probabilities, strict=True))
