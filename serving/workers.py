"""The threads that do the work: each image is prepared by itself, and those that are ready meanwhile are finished together.

Nothing ever waits for company. A thread that is free prepares what has waited longest; when no more wait, or as many are ready as the
largest number that is finished at once, it finishes those. So a lone request is answered at once, a large image keeps no other one
waiting, and under load images share the costs of a run of the graph. What is finished alone gains nothing by others that are ready, and may
hold a whole picture meanwhile: nothing is prepared before it is finished. Each result is handed to the event loop in one call for all that
were finished together.

Where several threads work, one more only prepares, and only while many wait. They share the interpreter's lock and wait for each other:
two of them left a sixth of two cores idle, and with the third a worker answered 8 to 10 % more requests a second (EfficientNetB0 at 96,
f32, 32 under way; DenseNet121 at 224 4 %). With few waiting it would take from the others what they could finish together, 3 to 5 % less.
"""

import asyncio
import math
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

MANY = 8
"""Above how many that wait a further thread prepares."""
Asked = TypeVar("Asked")
Prepared = TypeVar("Prepared")
Answer = TypeVar("Answer")


class Kind(Protocol):
    """What things that may be finished together have in common."""

    @property
    def sizes(self) -> Sequence[int]:
        """Numbers of them that cost less when they are finished together, largest first; the last is 1."""


@dataclass(frozen=True)
class Work(Generic[Asked, Prepared, Answer]):
    """What the threads do.

    Attributes:
        prepare: one thing, by itself; what it raises is the answer to that one.
        kind: things of equal kind may be finished together; None is finished alone.
        finish: things of one kind; returns an answer for each, in order.
    """

    prepare: Callable[[Asked], Prepared]
    kind: Callable[[Prepared], Kind | None]
    finish: Callable[[Sequence[Prepared]], Sequence[Answer]]


class Workers(Generic[Asked, Prepared, Answer]):
    """Some threads with what waits for them."""

    def __init__(self, work: Work[Asked, Prepared, Answer], *, threads: int) -> None:
        """Start so many threads that do some work."""
        self._work = work
        self._waiting: deque[tuple[Asked, asyncio.Future[Answer]]] = deque()
        self._ready: deque[tuple[Prepared, asyncio.Future[Answer]]] = deque()
        lock = threading.Lock()
        self._changed, self._crowded = threading.Condition(lock), threading.Condition(lock)
        self._closed, self._helping, self._free = False, False, threads
        self._threads = [threading.Thread(target=self._run, name=f"predict_{index}", daemon=True) for index in range(threads)]
        if threads > 1:
            self._threads.append(threading.Thread(target=self._help, name="prepare", daemon=True))
        for thread in self._threads:
            thread.start()

    def submit(self, asked: Asked) -> asyncio.Future[Answer]:
        """Have one thing answered; what has not begun is dropped when the future is cancelled. Call it on the event loop."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        with self._changed:
            self._waiting.append((asked, future))
            self._changed.notify()
            self._call_help()
        return future

    def close(self) -> None:
        """Finish what has begun and end the threads."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify_all()
            self._crowded.notify_all()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._ready:
                    if self._closed and not self._helping:
                        return
                    self._changed.wait()
                if self._waiting and not self._enough():
                    asked, future = self._waiting.popleft()
                    group = None
                else:
                    group = self._take()
            if group:
                self._finish(group)
                with self._changed:
                    self._free += 1
            elif not future.cancelled():
                self._prepare(asked, future)

    def _help(self) -> None:
        """Prepare while many wait; the others finish it."""
        while True:
            with self._changed:
                while len(self._waiting) <= MANY or None in self._kinds():
                    if self._closed:
                        return
                    self._crowded.wait()
                asked, future = self._waiting.popleft()
                self._helping = True
            if not future.cancelled():
                self._prepare(asked, future)
            with self._changed:
                self._helping = False
                self._changed.notify_all()

    def _call_help(self) -> None:
        if len(self._waiting) > MANY:
            self._crowded.notify()

    def _kinds(self) -> list[Kind | None]:
        return [self._work.kind(prepared) for prepared, _ in self._ready]

    def _enough(self) -> bool:
        """Tell whether something is ready that is finished alone, or as much as is finished together."""
        kinds = self._kinds()
        return any(kind is None or len(kinds) >= kind.sizes[0] for kind in kinds)

    def _take(self) -> list[tuple[Prepared, "asyncio.Future[Answer]"]]:
        """Return what is finished next: the oldest that is ready, with others of its kind; threads that finish nothing share."""
        share = math.ceil(len(self._ready) / self._free)
        kind = self._work.kind(self._ready[0][0])
        alike = [each for each in self._ready if self._work.kind(each[0]) == kind][:share]
        group = alike[: next(size for size in (kind.sizes if kind else (1,)) if size <= len(alike))]
        for each in group:
            self._ready.remove(each)
        self._free -= 1
        if self._ready:
            self._changed.notify()
        self._call_help()
        return group

    def _prepare(self, asked: Asked, future: "asyncio.Future[Answer]") -> None:
        try:
            prepared = self._work.prepare(asked)
        except BaseException as error:  # a panic of Rust is no Exception; the thread goes on
            _tell([(future, error)])
            return
        with self._changed:
            self._ready.append((prepared, future))

    def _finish(self, group: Sequence[tuple[Prepared, "asyncio.Future[Answer]"]]) -> None:
        outcomes: Sequence[Answer | BaseException]
        try:
            outcomes = self._work.finish([prepared for prepared, _ in group])
        except BaseException as error:
            outcomes = [error] * len(group)
        _tell([(future, outcome) for (_, future), outcome in zip(group, outcomes, strict=True)])


def _tell(outcomes: "Sequence[tuple[asyncio.Future[Answer], Answer | BaseException]]") -> None:
    """Set futures on their event loop, unless it has ended."""
    with suppress(RuntimeError):
        outcomes[0][0].get_loop().call_soon_threadsafe(_set, outcomes)


def _set(outcomes: "Sequence[tuple[asyncio.Future[Answer], Answer | BaseException]]") -> None:
    for future, outcome in outcomes:
        if future.done():  # the caller has gone
            continue
        if isinstance(outcome, BaseException):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)
