"""Who may call, and what a browser may do with the answers."""

import hashlib
import hmac
from collections.abc import Sequence

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.http_errors import error_response

OPEN_PATHS = frozenset({"/", "/health", "/healthz", "/livez", "/readyz", "/metrics", "/favicon.ico", "/webhooks/mlflow"})
"""The page, which holds no data and asks for the key; what probes call; and the webhook, which is signed."""
OPEN_PREFIX = "/static/"
"""The parts of the page."""

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_RAW_HEADERS = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]


class SecurityHeaders:
    """ASGI middleware: sets `HEADERS` on every response, and keeps answers out of caches."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; add headers to the response."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *_RAW_HEADERS]
                if not scope["path"].startswith(OPEN_PREFIX):
                    message["headers"].append((b"cache-control", b"no-store"))
            await send(message)

        await self.app(scope, receive, with_headers)


class ApiKey:
    """ASGI middleware: asks for a key, compared in constant time, wherever data goes in or out."""

    def __init__(self, app: ASGIApp, keys: Sequence[str]) -> None:
        self.app = app
        self._keys = [_fingerprint(key.encode()) for key in keys]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 401."""
        if scope["type"] != "http" or not self._keys or scope["path"] in OPEN_PATHS or scope["path"].startswith(OPEN_PREFIX):
            await self.app(scope, receive, send)
            return
        given = _given(scope)
        if any([hmac.compare_digest(_fingerprint(given), key) for key in self._keys]):  # noqa: C419 - compare with every key, in constant time
            await self.app(scope, receive, send)
            return
        said = "no API key was sent" if not given else "the API key is not valid"
        await error_response(401, "unauthorized", said, headers={"WWW-Authenticate": "Bearer"})(scope, receive, send)


def _fingerprint(key: bytes) -> bytes:
    """Return what keys are compared by: of one length, so that the time tells not even that of a key."""
    return hashlib.sha256(key).digest()


def _given(scope: Scope) -> bytes:
    headers: dict[bytes, bytes] = dict(scope["headers"])
    if key := headers.get(b"x-api-key"):
        return key.strip()
    scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
    return token.strip() if scheme.lower() == b"bearer" else b""
