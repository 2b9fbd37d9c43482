"""What goes wrong with a Kubeflow Pipelines server, in one line that holds nothing of what was sent."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import kfp_server_api
import urllib3

from components.domain.errors import InputError, LobuleError
from components.domain.settings import redacted

TOKEN, COOKIES = "KF_PIPELINES_TOKEN", "KF_PIPELINES_COOKIES"
REFUSED = (401, 403)


class UnreachableError(LobuleError):
    """The server does not answer, or not now: what was asked may be asked again."""


@contextmanager
def told(host: str, missing: str = "") -> Iterator[None]:
    """Turn what the client raises into one line with its remedy.

    Args:
        host: the server, as it may be shown.
        missing: said where the server has not what was asked for; "" where it must have it.
    """
    no_server = f"{host} answers, but not as a Kubeflow Pipelines API (a login page?); correct the address, or set {TOKEN} or {COOKIES}"
    try:
        yield
    except kfp_server_api.ApiException as error:
        if error.status in REFUSED:
            raise InputError(f"{host} refuses us ({error.status}); set {TOKEN} or {COOKIES}, or ask for the right to it") from None
        if error.status == 404:
            raise InputError(missing or no_server) from None
        said = f"{error.status} {error.reason}: {_said(error.body)}"
        if error.status and error.status < 500:
            raise InputError(f"{host} does not take this ({said}); correct it") from None
        raise UnreachableError(f"{host} fails ({said}); try again, or ask who runs it") from None
    except (urllib3.exceptions.HTTPError, OSError) as error:
        reason = redacted(" ".join(str(getattr(error, "reason", error)).split()))
        raise UnreachableError(
            f"{host} must answer as a Kubeflow Pipelines server, but does not ({reason.rpartition(': ')[2]}); "
            "start it, or set KF_PIPELINES_ENDPOINT or --host"
        ) from None
    except (ValueError, TypeError, AttributeError):  # the client takes any answer for one of its messages
        raise InputError(no_server) from None


def _said(body: object) -> str:
    """Return the message in an error's body."""
    try:
        values = json.loads(body if isinstance(body, str | bytes) else "")
        text = str(values.get("message") or values.get("error_message") or values.get("error") or "")
    except (ValueError, AttributeError):
        text = ""
    return redacted(" ".join(text.split()))[:300] or "no reason given"
