"""Follows an alias of the registry: a new champion is loaded beside the old one, checked, and put in its place.

The one that serves stays until the new one has been found whole, signed where a key is set, and has given its canary's scores;
requests that the old one began, it ends. A version that fails is refused, reported and tried again ever more rarely; a registry
that does not answer changes nothing.

A change is seen by asking every so many seconds, and at once when `wake` is called, which touches a file that the followers of
all workers look at: the web server hands a webhook to one of them only.
"""

import hashlib
import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from serving.contract import ContractError
from serving.registry import Location, RegistryError, UnreachableError, fetch, locate
from serving.remembered import recall, remember
from serving.slot import Served, Slot

logger = logging.getLogger(__name__)
LOOK_SECONDS = 0.25
"""How often a follower looks whether it was woken."""
LONGEST_WAIT = 300.0
"""Seconds after which a refused version is tried again at the latest."""
SWAPPED, REFUSED, UNREACHABLE = "swapped", "refused", "unreachable"


class Follower:
    """Keeps a slot at the version that an alias names. `check` looks once; `start` does so again and again."""

    def __init__(
        self,
        slot: Slot,
        model: str,
        *,
        tracking_uri: str,
        cache: Path,
        threads: int = 0,
        signing_key: str = "",
        told: Callable[[str], object] = lambda _: None,
    ) -> None:
        """Follow `model`; `told` is called with `swapped`, `refused` or `unreachable` when that happens."""
        self._slot, self._model, self._tracking_uri, self._cache, self._threads = slot, model, tracking_uri, cache, threads
        self._signing_key, self._told = signing_key, told
        self._refused: Location | None = None
        self._again = 0.0
        self._delay = 0.0
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._bell = cache / f".wake-{hashlib.sha256(model.encode()).hexdigest()[:16]}"

    def check(self) -> bool:
        """Look the alias up and serve what it names; return whether the model changed. Never raises."""
        try:
            place = locate(self._model, tracking_uri=self._tracking_uri)
        except UnreachableError as error:
            return self._without_registry(str(error))
        except RegistryError as error:  # an answer: there is no such model now
            self._answered()
            self._report(str(error))
            return False
        self._answered()
        current = self._slot.current
        if current and (current.name, current.version) == (place.name, place.version):
            self._slot.refused = self._refused = None
            return False
        if place == self._refused and time.monotonic() < self._again:
            return False
        return self._serve(place)

    def wake(self) -> None:
        """Have this follower, and those of the other workers, ask the registry at once."""
        self._again = 0.0
        with suppress(OSError):
            self._cache.mkdir(parents=True, exist_ok=True)
            self._bell.write_text(f"{time.time_ns()}\n", encoding="utf-8")

    def _answered(self) -> None:
        self._slot.asked, self._slot.unreachable = datetime.now(UTC), None

    def _without_registry(self, reason: str) -> bool:
        if self._slot.unreachable is None:
            logger.warning("the registry was not asked, the model stays: %s", reason)
        self._slot.unreachable = reason
        self._told(UNREACHABLE)
        known = recall(self._cache, self._model) if self._slot.current is None else None
        if known is None:
            if self._slot.current is None:
                self._slot.refused = reason
            return False
        logger.warning("serving what was served last")
        return self._load(*known)

    def _report(self, reason: str) -> None:
        if reason != self._slot.refused:
            logger.warning("%s", reason)
        self._slot.refused = reason

    def _serve(self, place: Location) -> bool:
        try:
            bundle = fetch(place, tracking_uri=self._tracking_uri, cache=self._cache)
        except RegistryError as error:  # a download may work the next time
            known = recall(self._cache, self._model) if self._slot.current is None else None
            return self._load(*known) if known and known[0] == place else self._refuse(place, error)
        return self._load(place, bundle)

    def _load(self, place: Location, bundle: Path) -> bool:
        try:
            served = Served.load(
                bundle,
                name=place.name,
                version=place.version,
                alias=place.alias,
                followed=place.alias is not None,
                threads=self._threads,
                signing_key=self._signing_key,
            )
        except ContractError as error:
            return self._refuse(place, error)
        self._slot.current, self._slot.refused, self._refused = served, None, None
        remember(self._cache, self._model, place, served.predictor.digest)
        self._told(SWAPPED)
        logger.info("serving %s version %s, bundle %s", place.name, place.version, served.predictor.digest)
        return True

    def _refuse(self, place: Location, error: Exception) -> bool:
        self._delay = min(2 * self._delay, LONGEST_WAIT) if place == self._refused and self._delay else 10.0
        self._refused, self._again = place, time.monotonic() + self._delay
        self._told(REFUSED)
        self._report(f"version {place.version} of {place.name} is not served: {error}")
        return False

    def start(self, seconds: float) -> None:
        """Check every so many seconds, and when woken, in a thread, until `stop`."""
        self._thread = threading.Thread(target=self._run, args=(seconds,), name="follow", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()
        if self._thread:
            self._thread.join(timeout=5.0)

    def _rung(self) -> int:
        try:
            return self._bell.stat().st_mtime_ns
        except OSError:
            return 0

    def _run(self, seconds: float) -> None:
        due, heard = time.monotonic() + seconds, self._rung()
        while not self._stop.wait(min(seconds, LOOK_SECONDS)):
            rung = self._rung()
            if rung == heard and time.monotonic() < due:
                continue
            if rung != heard:
                self._again = 0.0
            heard = rung
            try:
                self.check()
            except Exception:
                logger.exception("following %s failed; it goes on", self._model)
            due = time.monotonic() + seconds
