"""How many requests are worked on at once: a bounded queue before a few threads, so that the event loop is blocked by nothing long.

Decoding and inference release the interpreter's lock, so threads suffice (`serving.workers`). A request that finds the queue full is
told so at once, before its body is read: waiting longer than a caller does helps nobody. Uploads wait elsewhere (`serving.intake`).

A request that is handed over to a thread and back waits twice for one to wake. Where a process has one thread for requests and only one
request is under way, the event loop does the work itself, if it is short: the answer comes in 2.3 ms in place of 2.6 (EfficientNetB0 at
96, f32, medians of 11 runs in turns). What is under way is counted by connections: were it counted by what is admitted, each of many
requests would find itself alone while the others wait to be read, and 32 at once would be answered at five eighths of the rate.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from serving.answer import Asked, Prepared
from serving.http_errors import ApiError
from serving.responses import Json
from serving.workers import Work, Workers


class Engine:
    """Admits requests and runs their work in threads."""

    def __init__(
        self,
        work: Work[Asked, Prepared, Json],
        *,
        threads: int,
        max_requests: int,
        timeout: float,
        under_way: Callable[[], int],
        at_once: Callable[[Asked], Json | None],
    ) -> None:
        """Start the threads.

        Args:
            work: that they do.
            threads: how many.
            max_requests: that are admitted, working and waiting.
            timeout: seconds for each.
            under_way: tells how many requests this process has begun to read and not answered.
            at_once: answers an image that is alone without a thread, or returns None where that would take long; for one thread only,
                as several would stand idle meanwhile.
        """
        self._workers = Workers(work, threads=threads)
        self._max_requests, self._timeout, self._under_way = max_requests, timeout, under_way
        self._at_once = at_once if threads == 1 else None
        self._admitted = 0

    @property
    def alone(self) -> bool:
        """Tell whether this process has one request at most, the caller's own."""
        return self._admitted <= 1 and self._under_way() <= 1

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
        document = self._at_once(asked) if self._at_once and asked.alone else None
        if document is None:
            return self._workers.submit(asked)
        future: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        future.set_result(document)
        return future

    def close(self) -> None:
        """Finish what is running and end the threads."""
        self._workers.close()
