"""Keeps the files of the prediction log to a size, and clears what a killed process left."""

import logging
import time
from contextlib import suppress
from pathlib import Path

logger = logging.getLogger(__name__)
SCAN_SECONDS = 300.0
"""How often the files are looked at: often enough for a clock, rarely enough for a hundred thousand files."""
PART_SECONDS = 300.0
"""Age after which an unfinished file is of a process that is gone; writing one takes less than a second."""


class Keeper:
    """Looks at the log from time to time while it is written."""

    def __init__(self, directory: Path, max_bytes: int) -> None:
        self._directory, self._max_bytes = directory, max_bytes
        self._due = 0.0
        self._since = 0

    def wrote(self, size: int) -> None:
        """Hear of a file of `size` bytes; look at the log when it is time, or when much was written since."""
        self._since += size
        if time.monotonic() >= self._due or self._since > self._max_bytes // 20:
            self._due, self._since = time.monotonic() + SCAN_SECONDS, 0
            trim(self._directory, self._max_bytes)


def trim(directory: Path, max_bytes: int) -> int:
    """Remove the oldest files until all together hold `max_bytes` at most; return how many went. The newest one stays.

    Unfinished files of processes that are gone go as well.
    """
    for path in directory.glob("date=*/.*.part"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > PART_SECONDS:
                path.unlink(missing_ok=True)
    files = sorted(directory.glob("date=*/[!.]*.parquet"))
    sizes = {path: _size(path) for path in files}
    total, removed = sum(sizes.values()), 0
    for path in files[:-1]:
        if total <= max_bytes:
            break
        with suppress(OSError):
            path.unlink(missing_ok=True)
            total, removed = total - sizes[path], removed + 1
            with suppress(OSError):
                path.parent.rmdir()  # when it was the last of its day
    if removed:
        logger.info("the prediction log removed its %d oldest files to keep to %d bytes", removed, max_bytes)
    return removed


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
