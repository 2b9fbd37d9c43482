"""What of the check goes to the tracking server: the file that the gate reads, and the figures that runs are compared by."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from components.domain.serving_check import CHECK_FILE, ServeCheck
from components.domain.tracking import Tracker


@contextmanager
def recorded(output: Path, tracker: Tracker) -> Iterator[None]:
    """Record the check that the body writes, also where it is refused: the gate must know then, too.

    Args:
        output: directory that the body writes `serve_check.json` into.
        tracker: of the run of the version that is checked.
    """
    (output / CHECK_FILE).unlink(missing_ok=True)
    try:
        yield
    finally:
        if (output / CHECK_FILE).is_file():
            check = ServeCheck.read(output)
            tracker.metrics(
                {
                    "serving_p50_ms": check.p50_ms,
                    "serving_p95_ms": check.p95_ms,
                    "serving_ready_seconds": check.ready_seconds,
                    "bundle_mib": check.bundle_mib,
                }
            )
            tracker.file(output / CHECK_FILE)
