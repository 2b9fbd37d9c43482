"""What a step tells while it works: one line a fact, `[step] text`, on standard error.

The line form is the interface between a step's process and whoever watches it (a terminal through `lobule run`, the log of
a pod): a watcher may pick lines by their prefix, and finds the reason of a failure in the line `[step] error: ...`.
"""

import logging
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from components.domain.errors import LobuleError

logger = logging.getLogger("components")
FAILURES = {"defect": 1, "error": 2, "refused": 3}
"""How a failure's line begins, and the exit code it stands for."""
LEAST_SECONDS, LEAST_ITEMS = 2.0, 3
"""Work behind the first rate and time left that are told."""
FAST = 10  # items a second: below it a rate is told with a decimal
T = TypeVar("T")


@contextmanager
def step(name: str, failed: Callable[[str, str], None] | None = None) -> Iterator[None]:
    """Run a component's body: set up its log, time it, and end the process with one line on a `LobuleError`.

    Args:
        name: of the step.
        failed: told (step, reason) where the body fails, to keep it where others see it.
    """
    began = time.monotonic()
    with logging_as(name):
        try:
            yield
            logger.info("done in %.1f s", time.monotonic() - began)
        except LobuleError as error:
            mark = next(mark for mark, code in FAILURES.items() if code == error.exit_code)
            logger.error("%s: %s", mark, " ".join(str(error).split()))
            if failed:
                failed(name, f"{mark}: {' '.join(str(error).split())}")
            raise SystemExit(error.exit_code) from None
        except Exception as error:
            if failed:
                failed(name, f"defect: {type(error).__name__}: {' '.join(str(error).split())}")
            raise


@contextmanager
def logging_as(name: str) -> Iterator[None]:
    """Tell what is logged as a step's lines, `[name] text`."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter(f"[{name}] %(message)s"))
    before = logger.handlers, logger.level, logger.propagate
    logger.handlers, logger.propagate = [handler], False
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.handlers, logger.level, logger.propagate = before


def progress(items: Iterable[T], total: int, what: str, *, every: float = 2.0, tell: Callable[..., None] = logger.info) -> Iterator[T]:
    """Pass items through, telling count, rate and time left every few seconds and at the end.

    The first items carry what is done once, such as opening a file or compiling a graph: from them no rate is told.

    Args:
        items: what is worked through.
        total: how many items there are.
        what: what they are, for example "images hashed".
        every: seconds between two lines.
        tell: a logging call.
    """
    began = last = time.monotonic()
    for done, item in enumerate(items, start=1):
        yield item
        now = time.monotonic()
        if now - last >= every and done < total:
            if now - began >= LEAST_SECONDS and done >= LEAST_ITEMS:
                rate = done / (now - began)
                tell("%d/%d %s, %.*f/s, %.0f s left", done, total, what, 0 if rate >= FAST else 1, rate, (total - done) / rate)
            else:
                tell("%d/%d %s", done, total, what)
            last = now
    tell("%d %s in %.1f s", total, what, time.monotonic() - began)
