"""The short way of a plain prediction: from the connection to the answer, past the routers of BentoML and FastAPI.

Their layers cost such a request more than half of what the event loop spends on it, and need none of it. What is sent with parameters
in another form than the usual goes on to them, and so does every other route; both ways end in one function. In front of it stand
the layers of ours that stand in front of every route.
"""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from serving.http_errors import defect, refused
from serving.imaging import ImageError

Predict = Callable[[Request, bool, bool], Awaitable[Response]]
"""Answers a request: with the heat map or without, with the thumbnail or without."""
PLAIN = {
    f"{'&'.join(part for part in (explain, image) if part)}".encode(): (explain.endswith("true"), not image.endswith("false"))
    for explain in ("", "explain=true", "explain=false")
    for image in ("", "image=true", "image=false")
}
"""Query strings in their usual form, with what they ask for: the heat map, the thumbnail."""


class Short:
    """ASGI application: sends plain predictions the short way, and all else on."""

    def __init__(self, short: ASGIApp, long: ASGIApp) -> None:
        self._short, self._long = short, long

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Choose the way."""
        plain = scope["type"] == "http" and scope["path"] == "/predict" and scope["method"] == "POST" and scope["query_string"] in PLAIN
        await (self._short if plain else self._long)(scope, receive, send)


class PlainPrediction:
    """ASGI application: the end of the short way."""

    def __init__(self, predict: Predict) -> None:
        self._predict = predict

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer; a defect is answered too, and raised for the server to tell."""
        request = Request(scope, receive)
        try:
            response = await self._predict(request, *PLAIN[scope["query_string"]])
        except ImageError as error:
            response = refused(error)
        except Exception:
            await defect()(scope, receive, send)
            raise
        await response(scope, receive, send)
