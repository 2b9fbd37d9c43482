"""How uploads come in: their number, their time and the memory they take are bounded, apart from the queue for the model.

A slow upload holds a place here and none in the queue (`serving.engine`), so that clients on bad lines, or with bad intent,
keep nobody from an answer. Time is measured as Apache's mod_reqtimeout does: some seconds to begin with, and more as bytes arrive.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from serving.http_errors import ApiError

SLOWEST = 32_768
"""Bytes per second that an upload must reach in the long run."""


class Upload:
    """One upload on its way in."""

    def __init__(self, intake: "Intake", deadline: asyncio.Timeout) -> None:
        self._intake, self._deadline, self.size = intake, deadline, 0

    def arrived(self, size: int) -> None:
        """Count bytes that arrived, which also give the upload more time.

        Raises:
            ApiError: 503 when all uploads together hold too much memory.
        """
        self.size += size
        self._intake.buffered += size
        if self._intake.buffered > self._intake.max_buffered and self._intake.open > 1:
            raise ApiError("uploads_full", "the images that are arriving fill the memory set aside", "try again in a few seconds", 503)
        when = self._deadline.when()
        if when is not None:
            self._deadline.reschedule(when + size / SLOWEST)

    def whole(self) -> None:
        """Say that all of it is there: its time is over, its memory stays counted until it is answered."""
        self._deadline.reschedule(None)


class Intake:
    """Admits uploads. `open` counts them, `buffered` is what they hold, in bytes."""

    def __init__(self, *, max_uploads: int, max_buffered: int, seconds: float) -> None:
        self._max_uploads, self.max_buffered, self._seconds = max_uploads, max_buffered, seconds
        self.open = self.buffered = 0

    @asynccontextmanager
    async def upload(self) -> AsyncIterator[Upload]:
        """Take a place for one upload for as long as the body of the `with` runs.

        Raises:
            ApiError: 503 when there is none, 408 when the bytes come too slowly.
        """
        if self.open >= self._max_uploads:
            raise ApiError("uploads_full", f"{self._max_uploads} uploads are under way already", "try again in a few seconds", 503)
        self.open += 1
        upload = None
        try:
            async with asyncio.timeout(self._seconds) as deadline:
                upload = Upload(self, deadline)
                yield upload
        except TimeoutError:
            raise ApiError(
                "upload_too_slow", f"an upload must begin within {self._seconds:g} s and bring {SLOWEST:,} bytes/s", "send it again", 408
            ) from None
        finally:
            self.open -= 1
            self.buffered -= upload.size if upload else 0
