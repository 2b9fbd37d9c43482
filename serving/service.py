"""The BentoML service: puts the parts together. `bentoml serve serving.service:Lobule`, or `lobule serve`.

BentoML gives the server, its workers, /livez, /readyz, /metrics and the packaging; the routes are mounted as an application
of their own, because BentoML's typed endpoints cannot take two field names, answer 500 to a wrong one and cost more per call. Plain
predictions come straight from the connection (`serving.short`).
Limits of concurrency and time are ours as well, so that every refusal has the one form of `serving.http_errors`.
"""

import gc
import os
from functools import partial
from pathlib import Path

import bentoml
from bentoml._internal.server.http import traffic
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from serving import connections, footprint, request_log
from serving.answer import Answerer
from serving.app import Context, create_app, predict
from serving.contract import ContractError
from serving.engine import Engine
from serving.fair_share import FairShare
from serving.follow import Follower
from serving.http_errors import JsonErrors
from serving.intake import Intake
from serving.metrics import Metrics
from serving.prediction_log import PredictionLog
from serving.request_log import RequestLog
from serving.security import ApiKey, SecurityHeaders
from serving.settings import ServiceSettings
from serving.short import PlainPrediction, Short
from serving.slot import Served, Slot

OWN_BUNDLE = Path(__file__).resolve().parents[1] / "bundle"
"""Where a Bento carries its bundle: beside the code."""

footprint.keep_small()
footprint.keep_to_own_threads()
settings = ServiceSettings.read()
app = create_app()


class _Untimed:
    """Stands in for BentoML's timeout, whose timers keep every answered request in memory until its time would have been over.

    `serving.intake` and `serving.engine` measure the time of whatever can take long.
    """

    def __init__(self, app: ASGIApp, timeout: float) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


traffic.TimeoutMiddleware = _Untimed


@bentoml.service(
    name="lobule",
    workers=settings.workers,
    logging={"access": {"enabled": False}},
    metrics={"enabled": False},  # `serving.metrics` says why
    tracing={"excluded_urls": ".*"},  # spans that nobody exports cost 0.13 ms a request
)
@bentoml.asgi_app(app, path="/")
class Lobule:
    """Serves one model, or follows an alias."""

    def __init__(self) -> None:
        request_log.configure()
        self.slot, self.metrics = Slot(), Metrics()
        self.follower = self._load()
        self.log = self._open_log()
        self.answerer = Answerer(settings, self.metrics, self.log)
        self.engine = Engine(
            self.answerer.work(),
            threads=settings.threads,
            max_requests=settings.max_requests,
            timeout=settings.timeout,
            under_way=watch.under_way,
            at_once=self.answerer.at_once,
        )
        intake = Intake(max_uploads=settings.max_uploads, max_buffered=settings.max_buffered, seconds=settings.upload_timeout)
        app.state.context = Context(settings, self.slot, intake, self.engine, self.metrics, self.follower)
        meeting = os.environ.get("PROMETHEUS_MULTIPROC_DIR")  # of the workers; the server says where
        app.state.share = FairShare(Path(meeting)) if meeting else None
        gc.collect()
        gc.freeze()  # what is loaded stays: collections in a request need not look at it

    def _load(self) -> Follower | None:
        """Load the model. One that cannot be served leaves the service up and not ready, with the reason in /health."""
        threads = settings.threads
        if settings.bundle or not settings.model:
            try:
                self.slot.current = Served.load(
                    settings.bundle or OWN_BUNDLE, version=settings.version or None, threads=threads, signing_key=settings.signing_key
                )
                self.metrics.model(self.slot.current)
            except ContractError as error:
                self.slot.refused = str(error)
                request_log.logger.error("%s", error)
            return None
        follower = Follower(
            self.slot,
            settings.model,
            tracking_uri=settings.tracking_uri,
            cache=settings.cache,
            threads=threads,
            signing_key=settings.signing_key,
            told=self._changed,
        )
        follower.check()
        follower.start(settings.poll_seconds)
        return follower

    def _changed(self, outcome: str) -> None:
        self.metrics.change(outcome)
        self.metrics.model(self.slot.current)

    def _open_log(self) -> PredictionLog | None:
        if settings.prediction_log is None:
            return None
        return PredictionLog(
            settings.prediction_log,
            flush_rows=settings.log_rows,
            flush_seconds=settings.log_seconds,
            max_bytes=settings.log_bytes,
            gauges=self.metrics,
        )

    def __is_ready__(self) -> bool:
        """Tell whether a model is loaded whose canary image gave its expected scores."""
        return self.slot.current is not None

    @bentoml.on_shutdown  # type: ignore[untyped-decorator]
    def close(self) -> None:
        """Finish requests, then write the rest of the prediction log."""
        if self.follower:
            self.follower.stop()
        self.engine.close()
        self.answerer.close()
        if self.log:
            self.log.close()


def _count(route: str, method: str, status: int, seconds: float) -> None:
    context: Context | None = getattr(app.state, "context", None)
    if context:
        context.metrics.request(route, method, status, seconds)


def _excess(busy: int) -> int:
    share: FairShare | None = getattr(app.state, "share", None)
    return share.excess(busy) if share else 0


_MIDDLEWARE: list[tuple[type, dict[str, object]]] = [
    (RequestLog, {"counted": _count}),
    (SecurityHeaders, {}),
    (JsonErrors, {}),
    (ApiKey, {"keys": settings.api_keys}),
]
"""From the outside in."""

for _kind, _options in _MIDDLEWARE:
    Lobule.add_asgi_middleware(_kind, **_options)  # type: ignore[attr-defined]  # the decorator makes the class a service


async def _predict(request: Request, explain: bool, image: bool) -> Response:
    return await predict(app.state.context, request, explain, image)


def _short_way() -> ASGIApp:
    way: ASGIApp = PlainPrediction(_predict)
    for kind, options in reversed(_MIDDLEWARE):
        way = kind(way, **options)
    return way


watch = connections.install(
    max_connections=settings.max_connections,
    head_seconds=settings.upload_timeout,
    request_seconds=settings.longest + 20,
    around=partial(Short, _short_way()),
    excess=_excess,
)
