"""Tells others of an alarm: a JSON document, posted to an address or handed to a command on its standard input.

A receiver checks a post by its signature: `X-Lobule-Signature` is `hmac-sha256:<key id>:<hex>` of `<timestamp>.<delivery>.<body>`, with
both taken from the headers `X-Lobule-Timestamp` (seconds since the epoch) and `X-Lobule-Delivery`. A delivery that is tried again keeps
its number, so that it can be counted once. Redirects are not followed: a signed alarm goes where it was sent.
"""

import json
import logging
import shlex
import shutil
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import urlsplit

from components.domain.errors import InputError
from components.domain.settings import redacted
from components.monitor.verdict import DriftVerdict
from serving.signature import sign

logger = logging.getLogger(__name__)
TIMEOUT_SECONDS = 10.0
COMMAND_SECONDS = 300.0
PAUSES = (1.0, 5.0)
"""Seconds before the second and the third try."""
_NAMED = 20


class _Straight(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object, **__: object) -> None:
        return None


def alarm_document(verdict: DriftVerdict, *, name: str, version: str, retraining: Mapping[str, str]) -> str:
    """Return what is told, as one JSON document.

    Args:
        verdict: with an alarm.
        name: of the model.
        version: registered version, "" for a bundle in a directory.
        retraining: what is done about it: `state` in words, and `run` where one begins.
    """
    performance = verdict.performance
    document = {
        "schema_version": 1,
        "event": "lobule.alarm",
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "model": name,
        "version": version,
        "bundle": verdict.bundle,
        "headline": verdict.headline,
        "text": verdict.text,
        "window": {
            key: getattr(verdict, key) and getattr(verdict, key).isoformat() for key in ("since", "until", "first", "last", "onset")
        },
        "images": verdict.images,
        "drifted": [{"name": each.name, "words": each.words, "p": each.corrected, "effect": each.effect} for each in verdict.drifted][
            :_NAMED
        ],
        "below_policy": [each.said for each in performance.shortfalls if each.certain] if performance else [],
        "look_at": [each.request_id for each in verdict.examples.drifted if each.request_id],
        "retraining": dict(retraining),
        "disclaimer": "Research use only. Not for clinical use.",
    }
    return json.dumps(document) + "\n"


def check_webhook(address: str) -> str:
    """Return an address that alarms can be posted to.

    Raises:
        InputError: if it is none.
    """
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InputError(f"LOBULE_ALARM_WEBHOOK must be an http:// or https:// address, but got {redacted(address)!r}; correct or unset it")
    return address


def check_command(text: str) -> list[str]:
    """Return a command's words, split as a shell would; no shell runs it.

    Raises:
        InputError: if it cannot be split, or its program is not found.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise InputError(f"--on-alarm must be a command, but {text!r} is none ({error}); close its quotes") from None
    if not words or shutil.which(words[0]) is None:
        raise InputError(f"--on-alarm must name a program that can be run, but got {text!r}; give its path, or a script of your own")
    return words


def post(address: str, document: str, *, key: str, pauses: tuple[float, ...] = PAUSES, timeout: float = TIMEOUT_SECONDS) -> str:
    """Post an alarm; try again where the receiver does not answer or is overloaded.

    Args:
        address: checked.
        document: JSON.
        key: to sign with, "" for none.
        pauses: seconds before each further try.
        timeout: of one try, in seconds.

    Returns:
        "" where it was taken, else why it was not, in one line.
    """
    delivery, said = uuid.uuid4().hex, ""
    opener = urllib.request.build_opener(_Straight)
    for pause in (0.0, *pauses):
        time.sleep(pause)
        stamp = str(int(time.time()))
        headers = {"Content-Type": "application/json", "User-Agent": "lobule", "X-Lobule-Timestamp": stamp, "X-Lobule-Delivery": delivery}
        if key:
            headers["X-Lobule-Signature"] = sign(f"{stamp}.{delivery}.{document}", key)
        request = urllib.request.Request(address, document.encode(), headers, method="POST")  # noqa: S310 - checked by `check_webhook`
        try:
            opener.open(request, timeout=timeout).close()
        except urllib.error.HTTPError as error:
            said = f"it answered {error.code}"
            error.close()
            if error.code != 429 and error.code < 500:
                break  # it will not like it better the next time
        except (OSError, ValueError) as error:
            said = redacted(" ".join(str(getattr(error, "reason", error)).split()))[:200] or type(error).__name__
        else:
            return ""
        logger.info("the alarm was not taken: %s", said)
    return f"the alarm could not be posted to {redacted(address)}: {said}"


def run_command(words: list[str], document: str, *, timeout: float = COMMAND_SECONDS) -> str:
    """Run a command with the alarm on its standard input; return "" where it ended well, else how it ended, in one line."""
    try:
        done = subprocess.run(words, input=document, capture_output=True, text=True, errors="replace", timeout=timeout, check=False)
    except subprocess.TimeoutExpired:
        return f"the command of --on-alarm was ended after {timeout:g} s: {words[0]}"
    except OSError as error:
        return f"the command of --on-alarm could not be run: {words[0]} ({error.strerror})"
    for line in (done.stdout + done.stderr).splitlines():
        logger.info("%s: %s", words[0], line)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["nothing was said"])[-1][:200]
        return f"the command of --on-alarm ended with {done.returncode}: {words[0]} ({last})"
    return ""
