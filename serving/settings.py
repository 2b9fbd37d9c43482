"""The settings of the service: typed, frozen, read from the environment once. One table, which `lobule doctor` lists.

`LOBULE_BUNDLE` pins a directory; `LOBULE_MODEL` names a registered model, and an alias in it is followed. With neither, the
bundle lies beside the code, as a Bento carries it.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TypeVar

from serving.imaging import MAX_BYTES, MAX_PIXELS
from serving.intake import SLOWEST

T = TypeVar("T")
NO_LOG = "none"


class SettingsError(ValueError):
    """A setting cannot be used; the message names the rule, the value and the remedy in one line."""


@dataclass(frozen=True)
class Setting:
    """One environment variable: its name, its default in words and what it decides."""

    name: str
    default: str
    meaning: str


def _number(low: float, high: float, kind: Callable[[str], T]) -> Callable[[str], T]:
    def parse(text: str) -> T:
        try:
            if low <= float(text) <= high:  # which NaN is not
                return kind(text)
        except ValueError:
            pass
        whole = "a whole number" if kind is int else "a number"
        raise ValueError(f"{whole} from {low:,g} to {high:,g}")

    return parse


def _keys(text: str) -> tuple[str, ...]:
    return tuple(key.strip() for key in text.split(",") if key.strip())


def _count(text: str) -> int:
    return _number(1, 10_000, int)(text)


def _bytes(text: str) -> int:
    return _number(1024, 2**36, int)(text)


def _seconds(text: str) -> float:
    return _number(0.1, 86_400, float)(text)


def _address(text: str) -> str:
    if not text.startswith(("http://", "https://")) or "@" in text:
        raise ValueError("an address that starts with http:// or https:// and holds no password")
    return text


def _home() -> Path:
    return Path(os.environ.get("LOBULE_HOME") or ".lobule").resolve()


def _log(text: str) -> Path | None:
    return None if text.lower() == NO_LOG else Path(text).resolve()


def _define(name: str, shown: str, meaning: str, parse: Callable[[str], object]) -> dict[str, object]:
    return {"setting": Setting(name, shown, meaning), "parse": parse}


@dataclass(frozen=True)
class ServiceSettings:
    """Everything that the environment decides about the service. Limits hold for each worker process by itself."""

    bundle: Path | None = field(
        default=None, metadata=_define("LOBULE_BUNDLE", "`bundle` beside the code", "directory of the bundle that is served", Path)
    )
    model: str = field(
        default="", metadata=_define("LOBULE_MODEL", "", "registered model to serve: @champion, NAME@alias (followed) or NAME/VERSION", str)
    )
    version: str = field(
        default="", metadata=_define("LOBULE_MODEL_VERSION", "", "version that answers name when LOBULE_BUNDLE is set", str)
    )
    cache: Path = field(
        default_factory=lambda: _home() / "cache" / "bundles",
        metadata=_define("LOBULE_BUNDLE_CACHE", "LOBULE_HOME/cache/bundles", "where bundles from the registry are kept", Path),
    )
    tracking_uri: str = field(
        default_factory=lambda: f"sqlite:///{_home() / 'mlflow.db'}",
        metadata=_define("MLFLOW_TRACKING_URI", "SQLite in LOBULE_HOME", "where the model registry is", str),
    )
    poll_seconds: float = field(
        default=10.0, metadata=_define("LOBULE_POLL_SECONDS", "10", "how often a followed alias is looked up", _seconds)
    )
    api_keys: tuple[str, ...] = field(
        default=(),
        metadata=_define("LOBULE_API_KEYS", "none: open", "keys that may call the service, separated by commas", _keys),
        repr=False,
    )
    mlflow_url: str = field(
        default="", metadata=_define("LOBULE_MLFLOW_URL", "none", "address of the MLflow UI, for the dashboard's link", _address)
    )
    drift_url: str = field(
        default="", metadata=_define("LOBULE_DRIFT_URL", "none", "address of the newest drift report, for the dashboard's link", _address)
    )
    signing_key: str = field(
        default="",
        metadata=_define("LOBULE_SIGNING_KEY", "none: not checked", "key that a bundle must be signed with to be served", str),
        repr=False,
    )
    webhook_secret: str = field(
        default="",
        metadata=_define("LOBULE_WEBHOOK_SECRET", "none: off", "secret of the MLflow webhook that calls /webhooks/mlflow", str),
        repr=False,
    )
    prediction_log: Path | None = field(
        default_factory=lambda: _home() / "predictions",
        metadata=_define("LOBULE_PREDICTION_LOG", "LOBULE_HOME/predictions", "directory of the prediction log; `none` keeps none", _log),
    )
    log_rows: int = field(
        default=500,
        metadata=_define("LOBULE_PREDICTION_LOG_ROWS", "500", "rows after which a file of the prediction log is written", _count),
    )
    log_seconds: float = field(
        default=30.0,
        metadata=_define("LOBULE_PREDICTION_LOG_SECONDS", "30", "seconds after which a file is written anyway", _seconds),
    )
    log_bytes: int = field(
        default=2 * 2**30,
        metadata=_define(
            "LOBULE_PREDICTION_LOG_BYTES", f"{2 * 2**30:,}", "most bytes that the prediction log keeps; the oldest files go first", _bytes
        ),
    )
    workers: int = field(default=1, metadata=_define("LOBULE_WORKERS", "1", "server processes", _count))
    max_bytes: int = field(default=MAX_BYTES, metadata=_define("LOBULE_MAX_BYTES", f"{MAX_BYTES:,}", "largest image in bytes", _bytes))
    max_pixels: int = field(
        default=MAX_PIXELS, metadata=_define("LOBULE_MAX_PIXELS", f"{MAX_PIXELS:,}", "largest image in pixels", _number(256, 10**9, int))
    )
    max_images: int = field(default=16, metadata=_define("LOBULE_MAX_IMAGES", "16", "most images in one batch", _count))
    max_batch_bytes: int = field(
        default=64 * 2**20, metadata=_define("LOBULE_MAX_BATCH_BYTES", f"{64 * 2**20:,}", "largest batch in bytes", _bytes)
    )
    max_requests: int = field(
        default=32, metadata=_define("LOBULE_MAX_REQUESTS", "32", "requests worked on or waiting at once; more are answered 429", _count)
    )
    timeout: float = field(
        default=30.0, metadata=_define("LOBULE_TIMEOUT", "30", "seconds that an answer may take once the image is there", _seconds)
    )
    max_uploads: int = field(
        default=128, metadata=_define("LOBULE_MAX_UPLOADS", "128", "uploads under way at once; more are answered 503", _count)
    )
    max_buffered: int = field(
        default=256 * 2**20,
        metadata=_define("LOBULE_MAX_BUFFERED_BYTES", f"{256 * 2**20:,}", "bytes that all uploads may hold in memory", _bytes),
    )
    upload_timeout: float = field(
        default=10.0,
        metadata=_define(
            "LOBULE_UPLOAD_TIMEOUT", "10", "seconds for the headers, and for an upload; one more per 32 KiB that arrived", _seconds
        ),
    )
    max_connections: int = field(
        default=1000, metadata=_define("LOBULE_MAX_CONNECTIONS", "1000", "open connections; more are answered 503", _count)
    )
    threads: int = field(
        default_factory=lambda: min(4, os.cpu_count() or 1),
        metadata=_define(
            "LOBULE_THREADS", "CPUs, at most 4, over the workers", "images worked on side by side, each on one CPU thread", _count
        ),
    )

    @property
    def longest(self) -> float:
        """Seconds after which any request is over: the slowest upload that is taken, and its answer."""
        return self.upload_timeout + self.max_batch_bytes / SLOWEST + self.timeout

    @classmethod
    def read(cls, environment: Mapping[str, str] | None = None) -> "ServiceSettings":
        """Read the settings; an unset or empty variable leaves the default.

        Raises:
            SettingsError: for a value that cannot be used.
        """
        values = os.environ if environment is None else environment
        chosen: dict[str, object] = {}
        for item in fields(cls):
            setting: Setting = item.metadata["setting"]
            text = values.get(setting.name, "").strip()
            if not text:
                continue
            try:
                chosen[item.name] = item.metadata["parse"](text)
            except ValueError as error:
                raise SettingsError(f"{setting.name} must be {error}, but got {text[:40]!r}; correct or unset it") from None
        settings = cls(**chosen)  # type: ignore[arg-type]  # each value comes from its field's own parser
        return settings if "threads" in chosen else replace(settings, threads=max(1, settings.threads // settings.workers))


SETTINGS = tuple(item.metadata["setting"] for item in fields(ServiceSettings))
"""Every setting of the service with its default and meaning."""
