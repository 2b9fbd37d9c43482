"""How busy each worker of a service is, told in a directory that they share, so that one that has too much can give some of it away.

A connection stays with the worker that took it, and the first to wake takes all that come at once: of two workers one stood idle in
some runs. So the busier ends connections with their next answer, half of what it has more than the least busy: clients connect anew, and
who is less busy takes sooner. 32 that one worker had taken were 16 and 16 after 1.6 and 3.7 s, and then none was ended any more (watched
by hand, EfficientNetB0 at 96 under the load of `make bench-serve`).
"""

import os
from contextlib import suppress
from pathlib import Path

import psutil


class FairShare:
    """The share of one worker process."""

    def __init__(self, directory: Path) -> None:
        """Take part; `directory` holds a small file for each worker, named after the server that started it, as two may share one."""
        self._directory, self._prefix = directory, f"busy_connections_{os.getppid()}_"
        self._own = directory / f"{self._prefix}{os.getpid()}"
        self._gave = False
        self._write(0)

    def excess(self, busy: int) -> int:
        """Tell the others how many connections are busy here; return how many of those the least busy worker should have instead.

        After giving some it gives none the next time: what the others told may be from before they took them.
        """
        self._write(busy)
        if self._gave:
            self._gave = False
            return 0
        others = [self._read(file) for file in self._directory.glob(f"{self._prefix}*") if file != self._own]
        excess = max(0, (busy - min((number for number in others if number is not None), default=busy)) // 2)
        self._gave = excess > 0
        return excess

    def _write(self, busy: int) -> None:
        with suppress(OSError):  # a full disk costs the balance and nothing else
            self._own.write_text(str(busy))

    @staticmethod
    def _read(file: Path) -> int | None:
        """Return what another worker told; None, and its file goes, when it has ended."""
        with suppress(OSError, ValueError):  # just being written
            if psutil.pid_exists(int(file.name.rpartition("_")[2])):
                return int(file.read_text())
            file.unlink(missing_ok=True)
        return None
