"""How many requests are worked on at once: a bounded queue before a few threads, so that the event loop is never blocked.

Decoding and inference release the interpreter's lock, so threads suffice. A request that finds the queue full is told so at
once, before its body is read: waiting longer than a caller does helps nobody. Uploads wait elsewhere (`serving.intake`).
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import ParamSpec, TypeVar

from serving.http_errors import ApiError

P = ParamSpec("P")
T = TypeVar("T")


class Engine:
    """Admits requests and runs their work in threads."""

    def __init__(self, *, threads: int, max_requests: int, timeout: float) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="predict")
        self._max_requests, self._timeout = max_requests, timeout
        self._admitted = 0

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

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a function in a thread and wait for it; work that has not begun is dropped when the caller goes."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, lambda: function(*args, **kwargs))

    def close(self) -> None:
        """Finish what is running and end the threads."""
        self._pool.shutdown(wait=True, cancel_futures=True)
