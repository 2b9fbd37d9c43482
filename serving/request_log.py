"""One line of JSON for each request: id, route, status, time, verdict. No file names, no pixels, no addresses.

The request id is always made here. One that a client sends might name a patient, and the id goes into the prediction log.
Lines are written by a thread, a tenth of a second of them at a time: a write hands the interpreter to the threads that predict, and
the event loop would wait for it after every request.
"""

import json
import logging
import random
import sys
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable
from contextlib import nullcontext, suppress
from datetime import UTC, datetime

from starlette.types import ASGIApp, Message, Receive, Scope, Send

logger = logging.getLogger(__name__)
_ids = random.Random()  # noqa: S311 - an id is no secret, and asking the system for each would hand the interpreter over as a write does
ROUTES = frozenset(
    {
        "/",
        "/predict",
        "/predict/batch",
        "/health",
        "/docs",
        "/openapi.json",
        "/metrics",
        "/livez",
        "/readyz",
        "/healthz",
        "/webhooks/mlflow",
    }
)
QUIET = frozenset({"/metrics", "/livez", "/readyz", "/healthz"})
"""Routes that probes call all the time; only their errors are told."""


class JsonLines(logging.Formatter):
    """Formats a record as one line of JSON; a dictionary as message is merged in."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
        }
        line |= record.msg if isinstance(record.msg, dict) else {"logger": record.name, "message": record.getMessage()}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class Lines(logging.Handler):
    """Writes what is told to standard error, soon; warnings and errors at once."""

    def __init__(self) -> None:
        super().__init__()
        self._waiting: deque[str] = deque()
        self._some = threading.Event()
        threading.Thread(target=self._run, name="request-log", daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        """Take a record."""
        self._waiting.append(self.format(record) + "\n")
        if record.levelno >= logging.WARNING:
            self.flush()
        elif not self._some.is_set():
            self._some.set()

    def flush(self) -> None:
        """Write what waits; also called when the process ends. Whoever tells waits meanwhile, so that lines never pile up."""
        with self.lock or nullcontext():
            lines = [self._waiting.popleft() for _ in range(len(self._waiting))]
            with suppress(OSError, ValueError):  # nobody reads it any more
                sys.stderr.write("".join(lines))
                sys.stderr.flush()

    def _run(self) -> None:
        while self._some.wait():
            time.sleep(0.1)
            self._some.clear()
            self.flush()


def configure() -> None:
    """Send what `serving` tells to standard error as lines of JSON."""
    handler = Lines()
    handler.setFormatter(JsonLines())
    root = logging.getLogger("serving")
    root.handlers, root.propagate = [handler], False
    root.setLevel(logging.INFO)
    for noisy in ("python_multipart", "mlflow", "alembic"):  # what a client sends wrong is answered, not told
        logging.getLogger(noisy).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module=r"(PIL|pydicom)\.")


class RequestLog:
    """ASGI middleware: gives each request an id (also in the header X-Request-ID) and tells how it went."""

    def __init__(self, app: ASGIApp, counted: Callable[[str, str, int, float], None] = lambda *_: None) -> None:
        """Wrap an application; `counted` is told the route, method, status and seconds of each request."""
        self.app, self._counted = app, counted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; log and count it when it is done."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id, began, status = f"{_ids.getrandbits(128):032x}", time.perf_counter(), 500
        notes: dict[str, object] = {}
        state = scope.setdefault("state", {})
        state["request_id"], state["notes"] = request_id, notes

        async def with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = int(message["status"])
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)

        path = str(scope["path"])
        route = path if path in ROUTES else "/static" if path.startswith("/static/") else "other"
        try:
            await self.app(scope, receive, with_id)
        finally:
            seconds = time.perf_counter() - began
            self._counted(route, str(scope["method"]), status, seconds)
            if route not in QUIET or status >= 400:
                milliseconds = round(seconds * 1e3, 1)
                logger.info(
                    {"request_id": request_id, "method": scope["method"], "route": route, "status": status, "ms": milliseconds, **notes}
                )
