"""The BentoML service: puts the parts together. `bentoml serve serving.service:Lobule`, or `lobule serve`.

BentoML gives the server, its workers, /livez, /readyz, /metrics and the packaging; the routes are mounted as an application
of their own, because BentoML's typed endpoints cannot take two field names, answer 500 to a wrong one and cost more per call.
Limits of concurrency and time are ours as well, so that every refusal has the one form of `serving.http_errors`.
"""

import gc
from pathlib import Path

import bentoml

from serving import request_log
from serving.answer import Answerer
from serving.app import Context, create_app
from serving.contract import ContractError
from serving.engine import Engine
from serving.follow import Follower
from serving.http_errors import JsonErrors
from serving.metrics import Metrics
from serving.prediction_log import PredictionLog
from serving.request_log import RequestLog
from serving.security import ApiKey, SecurityHeaders
from serving.settings import ServiceSettings
from serving.slot import Served, Slot

OWN_BUNDLE = Path(__file__).resolve().parents[1] / "bundle"
"""Where a Bento carries its bundle: beside the code."""

settings = ServiceSettings.read()
app = create_app()


@bentoml.service(
    name="lobule",
    workers=settings.workers,
    traffic={"timeout": 2 * settings.timeout + 10},  # a backstop: ours comes first
    logging={"access": {"enabled": False}},
    tracing={"excluded_urls": ".*"},  # spans that nobody exports cost 0.13 ms a request
)
@bentoml.asgi_app(app, path="/")
class Lobule:
    """Serves one model, or follows an alias."""

    def __init__(self) -> None:
        request_log.configure()
        self.slot = Slot()
        self.follower = self._load()
        self.log = (
            PredictionLog(settings.prediction_log, flush_rows=settings.log_rows, flush_seconds=settings.log_seconds)
            if settings.prediction_log
            else None
        )
        self.engine = Engine(threads=settings.threads, max_requests=settings.max_requests, timeout=settings.timeout)
        app.state.context = Context(settings, self.slot, self.engine, Answerer(settings, Metrics(), self.log))
        gc.collect()
        gc.freeze()  # what is loaded stays: collections in a request need not look at it

    def _load(self) -> Follower | None:
        """Load the model. One that cannot be served leaves the service up and not ready, with the reason in /health."""
        threads = settings.threads
        if settings.bundle or not settings.model:
            try:
                self.slot.current = Served.load(
                    settings.bundle or OWN_BUNDLE, version=settings.version or None, alias=None, followed=False, threads=threads
                )
            except ContractError as error:
                self.slot.refused = str(error)
                request_log.logger.error("%s", error)
            return None
        follower = Follower(self.slot, settings.model, tracking_uri=settings.tracking_uri, cache=settings.cache, threads=threads)
        follower.check()
        follower.start(settings.poll_seconds)
        return follower

    def __is_ready__(self) -> bool:
        """Tell whether a model is loaded whose canary image gave its expected scores."""
        return self.slot.current is not None

    @bentoml.on_shutdown  # type: ignore[untyped-decorator]
    def close(self) -> None:
        """Finish requests, then write the rest of the prediction log."""
        if self.follower:
            self.follower.stop()
        self.engine.close()
        if self.log:
            self.log.close()


_MIDDLEWARE: list[tuple[type, dict[str, object]]] = [
    (RequestLog, {}),
    (SecurityHeaders, {}),
    (JsonErrors, {}),
    (ApiKey, {"keys": settings.api_keys}),
]
"""From the outside in."""

for _kind, _options in _MIDDLEWARE:
    Lobule.add_asgi_middleware(_kind, **_options)  # type: ignore[attr-defined]  # the decorator makes the class a service
