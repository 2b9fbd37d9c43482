"""The HTTP routes. Handlers only read, hand over and answer; the work stands in `serving.answer`."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from typing import Annotated

from fastapi import FastAPI, Query, Request
from pydantic_core import to_json
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.staticfiles import StaticFiles

from serving import docs_page, http_errors
from serving.answer import Asked, Wanted
from serving.contract import DISCLAIMER
from serving.engine import Engine
from serving.evaluation import Evaluations
from serving.follow import Follower
from serving.http_errors import ApiError, error_body
from serving.imaging import ImageError
from serving.intake import Intake, Upload
from serving.metrics import TEXT, Metrics, render
from serving.openapi import request_body, responses
from serving.responses import DASHBOARD, Json, envelope, health_document
from serving.settings import ServiceSettings
from serving.slot import Served, Slot
from serving.upload import read_body, read_images
from serving.webhook import MAX_BYTES, check_notice

Explain = Annotated[bool, Query(description="true adds the heat map as a data URI in `heatmap`")]
Picture = Annotated[bool, Query(description="false leaves out the thumbnail in `image`")]
IMAGE_FIELDS = ("image", "file")
BATCH_FIELDS = ("images", "image", "file")


@dataclass(frozen=True)
class Context:
    """What the handlers work with; the service puts it into `app.state.context`."""

    settings: ServiceSettings
    slot: Slot
    intake: Intake
    engine: Engine
    metrics: Metrics
    follower: Follower | None


def create_app() -> FastAPI:
    """Build the application; it answers once `app.state.context` is set."""
    app = FastAPI(title="Lobule", version="1", description=DISCLAIMER, docs_url=None, redoc_url=None, redirect_slashes=False)
    http_errors.install(app)
    evaluations = Evaluations()

    @app.post("/predict", responses=responses(several=False), openapi_extra=request_body("image", several=False))
    async def predict_one(request: Request, explain: Explain = False, image: Picture = True) -> Response:
        """Judge one image: multipart field `image` (or `file`), or the raw body with an image content type."""
        return await predict(_context(request), request, explain, image)

    @app.post("/predict/batch", responses=responses(several=True), openapi_extra=request_body("images", several=True))
    async def predict_batch(request: Request, explain: Explain = False, image: Picture = False) -> Response:
        """Judge several images, sent as repeated multipart fields `images`; each is answered or fails alone, in order."""
        context = _context(request)
        settings = context.settings
        async with _counted(context) as upload:
            images = await read_images(
                request, BATCH_FIELDS, upload=upload, max_bytes=settings.max_batch_bytes, max_images=settings.max_images
            )
            async with context.engine.admit():
                served = _served(context)
                request_id, wanted = request.state.request_id, Wanted(explain, image)
                asked = [context.engine.ask(Asked(data, served, wanted, request_id)) for data in images]
                results = [_result(each) for each in await asyncio.gather(*asked, return_exceptions=True)]
        context.metrics.images.observe(len(results))
        request.state.notes.update(images=len(results), failed=sum("error" in result for result in results))
        return _json({"results": results, **envelope(served, request_id)})

    @app.api_route("/health", methods=["GET", "HEAD"], include_in_schema=False)
    @app.get("/health")
    async def health(request: Request) -> Response:
        """Describe the model that is served, and the service."""
        context = _context(request)
        return _json(health_document(context.slot, context.settings))

    @app.get("/evaluation")
    async def evaluation(request: Request) -> Response:
        """Tell what the model reached on its test split, with 95 % intervals; `evaluation` is null where nobody knows."""
        context = _context(request)
        served = _served(context)
        found = await evaluations.of(served, context.settings.tracking_uri)
        return _json({"evaluation": asdict(found) if found else None, "bundle": served.predictor.digest})

    @app.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        """Tell Prometheus what was counted."""
        return Response(await asyncio.to_thread(render), media_type=TEXT)

    @app.post("/webhooks/mlflow", include_in_schema=False)
    async def notice(request: Request) -> Response:
        """Hear from the registry that an alias moved."""
        context = _context(request)
        secret = context.settings.webhook_secret
        if not secret or context.follower is None:
            raise ApiError("no_webhook", "this service hears no webhooks", "serve an alias, and set LOBULE_WEBHOOK_SECRET", 404)
        async with context.intake.upload() as upload:
            body = await read_body(request, upload, MAX_BYTES)
        heard = check_notice(body, request.headers, secret=secret, now=time.time())
        if heard:
            context.follower.wake()
        return _json({"status": "checking" if heard else "ignored"})

    _add_pages(app)
    return app


async def predict(context: Context, request: Request, explain: bool, image: bool) -> Response:
    """Answer for one image, with the heat map if `explain`, with the thumbnail if `image`.

    Raises:
        ApiError, ImageError: if the request or its image is refused.
    """
    async with _counted(context) as upload:
        data = (await read_images(request, IMAGE_FIELDS, upload=upload, max_bytes=context.settings.max_bytes))[0]
        async with context.engine.admit():
            served = _served(context)
            request_id = request.state.request_id
            asked = Asked(data, served, Wanted(explain, image), request_id, alone=context.engine.alone)
            document = await context.engine.ask(asked)
    context.metrics.images.observe(1)
    request.state.notes.update(verdict=document["verdict"], predicted_class=document["class_name"])
    return _json({**document, **envelope(served, request_id)})


def _add_pages(app: FastAPI) -> None:
    """Add what people look at: the dashboard and the documentation."""

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return HTMLResponse(docs_page.render(app.openapi()))

    @app.api_route("/", methods=["GET", "HEAD"], include_in_schema=False)
    async def dashboard() -> Response:
        return FileResponse(DASHBOARD / "index.html", media_type="text/html")

    app.mount("/static", StaticFiles(directory=DASHBOARD, check_dir=False), name="static")


@asynccontextmanager
async def _counted(context: Context) -> AsyncIterator[Upload]:
    """Refuse what would wait in vain; else take an upload, counted as in progress until it is answered."""
    context.engine.refuse_when_full()
    with context.metrics.in_progress.track_inprogress():
        async with context.intake.upload() as upload:
            yield upload


def _context(request: Request) -> Context:
    context: Context = request.app.state.context
    return context


def _served(context: Context) -> Served:
    served = context.slot.current
    if served is None:
        raise ApiError(
            "no_model", f"no model is loaded: {context.slot.refused}", "see /health; promote a model or correct the setting", 503
        )
    return served


def _result(outcome: Json | BaseException) -> Json:
    """Return the answer to one image of a batch, or say what is wrong with it, so that it fails alone."""
    if isinstance(outcome, ImageError):
        return {**error_body(outcome.code, outcome.message, outcome.remedy)}
    if isinstance(outcome, BaseException):
        raise outcome
    return outcome


def _json(document: Json) -> Response:
    return Response(to_json(document), media_type="application/json")  # `json.dumps` takes four times as long
