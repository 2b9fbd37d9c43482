"""How many requests are worked on at once: a bounded queue before a few threads, so that the event loop is never blocked.

Decoding and inference release the interpreter's lock, so threads suffice (`serving.workers`). A request that finds the queue full is
told so at once, before its body is read: waiting longer than a caller does helps nobody. Uploads wait elsewhere (`serving.intake`).
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from serving.answer import Asked, Prepared
from serving.http_errors import ApiError
from serving.responses import Json
from serving.workers import Work, Workers


class Engine:
    """Admits requests and runs their work in threads."""

    def __init__(self, work: Work[Asked, Prepared, Json], *, threads: int, max_requests: int, timeout: float) -> None:
        self._workers = Workers(work, threads=threads)
        self._max_requests, self._timeout = max_requests, timeout
        self._admitted = 0

    @property
    def alone(self) -> bool:
        """Tell whether this process has admitted one request at most, the caller's own."""
        return self._admitted <= 1

    def refuse_when_full(self) -> None:
        """Raise what `admit` would raise now; asked before a body is read, which would be in vain.

        Raises:
            ApiError: 429 when the queue is full.
        """
        if self._admitted >= self._max_requests:
            raise ApiError(
                "overloaded", f"{self._max_requests} requests are waiting already", "try again after the seconds in Retry-After", 429
            )

    @asynccontextmanager
    async def admit(self) -> AsyncIterator[None]:
        """Take a place in the queue for as long as the body of the `with` runs.

        Raises:
            ApiError: 429 when the queue is full, 504 when the body takes longer than the timeout.
        """
        self.refuse_when_full()
        self._admitted += 1
        try:
            async with asyncio.timeout(self._timeout):
                yield
        except TimeoutError:
            raise ApiError(
                "timeout", f"the request took longer than {self._timeout:g} s", "send a smaller image, or try later", 504
            ) from None
        finally:
            self._admitted -= 1

    def ask(self, asked: Asked) -> asyncio.Future[Json]:
        """Have one image answered; work that has not begun is dropped when the future is cancelled."""
        return self._workers.submit(asked)

    def close(self) -> None:
        """Finish what is running and end the threads."""
        self._workers.close()
