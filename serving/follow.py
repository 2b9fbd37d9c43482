"""Follows an alias of the registry: a new champion is loaded beside the old one, checked, and put in its place.

The one that serves stays until the new one has given its canary's scores. A version that fails is refused once and reported;
a registry that does not answer changes nothing.
"""

import logging
import threading
from pathlib import Path

from serving.contract import ContractError
from serving.registry import Location, RegistryError, fetch, locate
from serving.slot import Served, Slot

logger = logging.getLogger(__name__)


class Follower:
    """Keeps a slot at the version that an alias names. `check` looks once; `start` does so again and again."""

    def __init__(self, slot: Slot, model: str, *, tracking_uri: str, cache: Path, threads: int = 0) -> None:
        self._slot, self._model, self._tracking_uri, self._cache, self._threads = slot, model, tracking_uri, cache, threads
        self._refused: Location | None = None
        self._unreachable = False
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def check(self) -> bool:
        """Look the alias up and serve what it names; return whether the model changed. Never raises."""
        try:
            place = locate(self._model, tracking_uri=self._tracking_uri)
        except RegistryError as error:
            if not self._unreachable:
                logger.warning("the registry was not asked, the model stays: %s", error)
            self._unreachable = True
            if self._slot.current is None:
                self._slot.refused = str(error)
            return False
        self._unreachable = False
        current = self._slot.current
        if current and (current.name, current.version) == (place.name, place.version):
            self._slot.refused = self._refused = None
            return False
        if place == self._refused:
            return False
        return self._serve(place)

    def _serve(self, place: Location) -> bool:
        try:
            bundle = fetch(place, tracking_uri=self._tracking_uri, cache=self._cache)
            served = Served.load(
                bundle, name=place.name, version=place.version, alias=place.alias, followed=place.alias is not None, threads=self._threads
            )
        except ContractError as error:
            self._refused = place
            self._slot.refused = f"version {place.version} of {place.name} is not served: {error}"
            logger.error("%s", self._slot.refused)
            return False
        except RegistryError as error:  # a download may work the next time
            self._slot.refused = f"version {place.version} of {place.name} is not served yet: {error}"
            logger.warning("%s", self._slot.refused)
            return False
        self._slot.current, self._slot.refused, self._refused = served, None, None
        logger.info("serving %s version %s, bundle %s", place.name, place.version, served.predictor.digest)
        return True

    def start(self, seconds: float) -> None:
        """Check every so many seconds, in a thread, until `stop`."""
        self._thread = threading.Thread(target=self._run, args=(seconds,), name="follow", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()
        if self._thread:
            self._thread.join(timeout=5.0)

    def _run(self, seconds: float) -> None:
        while not self._stop.wait(seconds):
            try:
                self.check()
            except Exception:
                logger.exception("following %s failed; it goes on", self._model)
