"""Connections: their number, their time without a request and the size of their headers are bounded, and workers share them.

uvicorn gives a client all the time to send its headers, as many as it likes, on any number of connections; and BentoML passes none of
uvicorn's limits on. So its protocol class is replaced, before the server loads it, by one that is watched: twice a second all
connections are looked at, which costs a request nothing. Bodies are bounded by `serving.intake`.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from starlette.types import ASGIApp
from uvicorn.protocols.http import auto

from serving.http_errors import error_body_bytes

if TYPE_CHECKING:
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol as Protocol
else:
    Protocol = auto.AutoHTTPProtocol

State = tuple[int, bool]
LOOK_SECONDS = 0.5
"""How often all connections are looked at."""
MAX_HEAD = 65_536
"""Bytes of a request's line and headers."""


@dataclass
class Watch:
    """The limits of one server process, and its open connections with what they did last."""

    max_connections: int
    head_seconds: float
    request_seconds: float
    around: Callable[[ASGIApp], ASGIApp]
    excess: Callable[[int], int]
    seen: dict["Guarded", tuple[State, float]] = field(default_factory=dict)
    timer: asyncio.TimerHandle | None = None
    too_many: int = 0

    def under_way(self) -> int:
        """Return how many connections have a request that is not answered yet, its body perhaps not even read."""
        return sum(not connection.waiting() for connection in self.seen)

    def sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        """Close connections that have waited too long, count the busy ones; look again soon while there are any."""
        now, busy = time.monotonic(), 0
        for connection, (state, since) in list(self.seen.items()):
            busy += connection.state() != state or not connection.waiting()
            if connection.state() != state:
                self.seen[connection] = connection.state(), now
            elif connection.waiting() and now - since > self.head_seconds:
                connection.refuse(408, "too_slow", f"a request must arrive within {self.head_seconds:g} s")
            elif not connection.waiting() and now - since > self.request_seconds:
                connection.transport.abort()
        self.too_many = self.excess(busy)
        self.timer = loop.call_later(LOOK_SECONDS, self.sweep, loop) if self.seen else None


class Guarded(Protocol):
    """uvicorn's connection, watched."""

    watch: Watch
    head = requests = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection, or refuse it at once when there are too many."""
        self.app = self.watch.around(self.app)
        super().connection_made(transport)
        watch = self.watch
        if len(watch.seen) >= watch.max_connections:
            self.refuse(503, "too_many_connections", f"{watch.max_connections} connections are open already")
            return
        watch.seen[self] = self.state(), time.monotonic()
        if watch.timer is None:
            watch.timer = self.loop.call_later(LOOK_SECONDS, watch.sweep, self.loop)

    def on_headers_complete(self) -> None:
        """Take a request; where another worker should have the connection, it ends with the answer."""
        super().on_headers_complete()
        self.requests += 1
        if self.watch.too_many > 0 and self.cycle is not None:
            self.watch.too_many -= 1
            self.cycle.keep_alive = False

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self.watch.seen.pop(self, None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Hand bytes on, unless a head grows without end."""
        if self.transport.is_closing():
            return
        super().data_received(data)
        self.head = self.head + len(data) if self.waiting() else 0
        if self.head > MAX_HEAD:
            self.refuse(431, "headers_too_large", f"the headers of a request may hold {MAX_HEAD:,} bytes")

    def state(self) -> State:
        """Return what changes when a request begins or ends: the number of requests, and whether the last is answered."""
        return self.requests, self.waiting()

    def waiting(self) -> bool:
        """Tell whether no request is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def refuse(self, status: int, code: str, message: str) -> None:
        """Answer with an error and close."""
        if self.head or status != 408:  # nothing was asked: nothing is answered
            body = error_body_bytes(code, message, "open fewer, or try again in a few seconds")
            lines = (
                f"HTTP/1.1 {status} Refused", "content-type: application/json", f"content-length: {len(body)}", "retry-after: 5",
                "connection: close",
            )  # fmt: skip
            self.transport.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        self.transport.close()


def install(
    *,
    max_connections: int,
    head_seconds: float,
    request_seconds: float,
    around: Callable[[ASGIApp], ASGIApp] = lambda app: app,
    excess: Callable[[int], int] = lambda _: 0,
) -> Watch:
    """Have the server that this process will start use watched connections; return who watches.

    Args:
        max_connections: open ones; more are answered 503.
        head_seconds: that a connection may be open without a whole head of a request; uvicorn closes idle ones after five.
        around: puts an application around the server's own.
        excess: is told how many connections had a request since it was last asked; returns how many of them end with their next answer,
            so that they may go to another worker.
        request_seconds: after which a request whose answer the client does not take is cut off.
    """
    watch = Watch(max_connections, head_seconds, request_seconds, around, excess)
    auto.AutoHTTPProtocol = type("GuardedProtocol", (Guarded,), {"watch": watch})
    return watch
