"""Every error of the service has one form: `{"error": {"code", "message", "remedy"}}`, whoever raises it."""

import json
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.imaging import ImageError

REMEDIES = {
    400: "check the request against /docs",
    401: "send a valid key as header X-API-Key or as Authorization: Bearer",
    404: "see /docs for what there is",
    405: "use one of the methods in the header Allow",
    408: "send it again, faster",
    413: "send less",
    422: "see /docs for the parameters",
    429: "try again after the seconds in the header Retry-After",
    503: "try again after the seconds in the header Retry-After",
    504: "send a smaller image, or try again later",
}
RETRY_AFTER = {429: "1", 503: "5"}
"""Seconds after which a refused request may be repeated."""


class ApiError(ImageError):
    """A request is refused for another reason than its image."""


def error_body(code: str, message: str, remedy: str) -> dict[str, dict[str, str]]:
    """Return the JSON document of an error."""
    return {"error": {"code": code, "message": message, "remedy": remedy}}


def error_body_bytes(code: str, message: str, remedy: str) -> bytes:
    """Return the JSON document of an error, encoded."""
    return json.dumps(error_body(code, message, remedy)).encode()


def error_response(status: int, code: str, message: str, remedy: str = "", headers: dict[str, str] | None = None) -> Response:
    """Return an error as a response; 429 and 503 say when to try again."""
    content = error_body_bytes(code, message, remedy or REMEDIES.get(status, "try again later"))
    extra = {"Retry-After": RETRY_AFTER[status]} if status in RETRY_AFTER else {}
    return Response(content, status, {**extra, **(headers or {})}, "application/json")


def status_code_name(status: int) -> str:
    """Return the code of an HTTP status that has no code of its own, such as `not_found`."""
    return HTTPStatus(status).phrase.lower().replace(" ", "_").replace("-", "_")


def install(app: FastAPI) -> None:
    """Teach an application the one form of errors."""
    app.add_exception_handler(ImageError, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _defect)


def refused(error: ImageError) -> Response:
    """Return the answer to a request that is refused."""
    return error_response(error.status, error.code, error.message, error.remedy)


def defect() -> Response:
    """Return the answer to a request at which the service fails."""
    return error_response(500, "internal", "the service failed", "report it with the request id in the header X-Request-ID")


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, ImageError)
    return refused(error)


async def _invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"][1:])
    return error_response(422, "wrong_parameter", f"{name or 'the request'} is not valid: {first['msg']}")


async def _http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return error_response(error.status_code, status_code_name(error.status_code), str(error.detail), headers=dict(error.headers or {}))


async def _defect(_: Request, __: Exception) -> Response:
    return defect()


class JsonErrors:
    """ASGI middleware: gives the errors of whatever stands beside our routes (unknown paths, probes) the one form."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; replace the body of an error that is not JSON."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        replaced = False

        async def checked(message: Message) -> None:
            nonlocal replaced
            if message["type"] == "http.response.start":
                headers = {name.lower(): value for name, value in message["headers"]}
                status = int(message["status"])
                status = 404 if 300 <= status < 400 and b"location" in headers else status  # a slash too many; names a host of the client's
                if status >= 400 and not headers.get(b"content-type", b"").startswith(b"application/json"):
                    replaced = True
                    allow = {"Allow": headers[b"allow"].decode()} if b"allow" in headers else {}
                    text = f"{scope['method']} {scope['path'][:80]} gives {HTTPStatus(status).phrase}"
                    await error_response(status, status_code_name(status), text, headers=allow)(scope, receive, send)
                    return
            if not replaced:
                await send(message)

        await self.app(scope, receive, checked)
