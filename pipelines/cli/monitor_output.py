"""What `lobule monitor` leaves of a window: the run in MLflow, and what it says."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from components.monitor.verdict import DriftVerdict


def track_window(verdict: "DriftVerdict", name: str, version: str, page: Path | None) -> None:
    """Add the window to the run of a registered version."""
    from tempfile import TemporaryDirectory

    from components.monitor.metrics import drift_metrics
    from components.tracking.windows import record_window

    with TemporaryDirectory() as folder:
        document = Path(folder) / "drift.json"
        verdict.write(document)
        files = [document, *([page] if page else [])]
        record_window(name, version, drift_metrics(verdict), time=verdict.last or datetime.now(UTC), files=files)


def show_window(verdict: "DriftVerdict", name: str, page: Path | None) -> None:
    """Print the verdict, every detector, what was left out and where the page is."""
    from rich.table import Table

    from components.monitor.words import side
    from pipelines.cli.output import console

    out = console()
    out.print(f"{name}: {verdict.images:,} images, {verdict.reference_images:,} reference images", markup=False)
    out.print(verdict.text, markup=False)
    if verdict.detectors:
        table = Table("watched", "verdict", box=None, pad_edge=False)
        for heading in ("p", "effect"):
            table.add_column(heading, justify="right")
        table.add_column("reference")
        table.add_column("this window")
        for detector in verdict.detectors:
            said, style = ("drift", "bold") if detector.drifted else ("every week" if detector.seasonal else "-", None)
            before, now = side(detector.reference, spread=False), side(detector.current, spread=False)
            table.add_row(detector.words, said, f"{detector.corrected:.2g}", f"{detector.effect:.2f}", before, now, style=style)
        out.print(table)
        out.print("p is corrected for the number of detectors; effect: 0 the same, 1 apart; numbers are medians")
    left = [f"volume: {verdict.volume.sentence()}"] if verdict.volume else []
    left += [f"not watched: {column.name}: {column.reason}" for column in verdict.not_watched]
    left += [f"the log: {sentence}" for sentence in verdict.left_out.sentences()]
    left += [f"unreadable file: {file}" for file in verdict.left_out.unreadable[:5]]
    left += [f"the labels: {sentence}" for sentence in (verdict.performance.left_out if verdict.performance else ())]
    left += [f"page: {page}"] if page is not None else []
    for line in left:
        out.print(line, markup=False)
