"""How busy each worker of a service is, told in a directory that they share, so that one that has too much can give some of it away.

A connection stays with the worker that took it, and the first to wake takes all that come at once: of two workers one stood idle in
some runs. So the busier ends connections with their next answer, half of what it has more than the least busy: clients connect anew, and
who is less busy takes sooner. 32 that one worker had taken were 16 and 16 after three seconds, and then none was ended any more.
"""

import os
from contextlib import suppress
from pathlib import Path

_PREFIX = "busy_connections_"


class FairShare:
    """The share of one worker process."""

    def __init__(self, directory: Path) -> None:
        """Take part; `directory` holds a small file for each worker."""
        self._directory, self._own = directory, directory / f"{_PREFIX}{os.getpid()}"
        self._write(0)

    def excess(self, busy: int) -> int:
        """Tell the others how many connections are busy here; return how many of those the least busy worker should have instead."""
        self._write(busy)
        others = [self._read(file) for file in self._directory.glob(f"{_PREFIX}*") if file != self._own]
        return max(0, (busy - min((number for number in others if number is not None), default=busy)) // 2)

    def _write(self, busy: int) -> None:
        with suppress(OSError):  # a full disk costs the balance and nothing else
            self._own.write_text(str(busy))

    @staticmethod
    def _read(file: Path) -> int | None:
        """Return what another worker told; None, and its file goes, when it has ended."""
        try:
            os.kill(int(file.name.removeprefix(_PREFIX)), 0)
            return int(file.read_text())
        except ProcessLookupError:
            file.unlink(missing_ok=True)
        except (OSError, ValueError):  # just being written
            pass
        return None
