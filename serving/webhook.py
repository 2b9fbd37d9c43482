"""The webhook of the MLflow registry: a signed notice that an alias moved, so that the service need not wait for its next look.

MLflow signs `<delivery id>.<timestamp>.<body>` with the webhook's secret (HMAC-SHA256, base64, header `X-MLflow-Signature: v1,...`).
The notice is not believed, only heard: it makes the follower ask the registry. So a notice that is sent again does no harm; one that
is older than five minutes is refused all the same.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping

from serving.http_errors import ApiError

MAX_BYTES = 65_536
LONGEST_AGE = 300
"""Seconds that a notice may be old, or ahead of our clock."""
EVENTS = (("model_version_alias", "created"), ("model_version_alias", "deleted"))
"""(entity, action) of the notices that are heard: an alias that was set, moved or taken away."""


def check_notice(body: bytes, headers: Mapping[str, str], *, secret: str, now: float) -> bool:
    """Check that a notice comes from the registry; return whether it is about an alias.

    Args:
        body: as sent.
        headers: of the request, looked up in lower case.
        secret: of the webhook.
        now: seconds since the epoch.

    Raises:
        ApiError: 401 for a signature that is missing, wrong or old; 400 for a body that is no notice.
    """
    delivery, timestamp = headers.get("x-mlflow-delivery-id", ""), headers.get("x-mlflow-timestamp", "")
    signed = f"{delivery}.{timestamp}.".encode() + body
    wanted = "v1," + base64.b64encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest()).decode()
    if not hmac.compare_digest(headers.get("x-mlflow-signature", "").encode(), wanted.encode()):
        raise ApiError("unsigned", "the notice is not signed with the secret of this service", "create the webhook with it", 401)
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 16 and abs(now - int(timestamp)) <= LONGEST_AGE):
        raise ApiError("too_old", f"a notice may be {LONGEST_AGE} s old, but this one is not from now", "set the clocks", 401)
    try:
        document = json.loads(body)
        return (document["entity"], document["action"]) in EVENTS
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ApiError("no_notice", "the body is no notice of the registry", "point the webhook of MLflow here") from None
