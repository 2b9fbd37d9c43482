"""An alarm on its way: to a real HTTP receiver, signed, tried again; and to a command."""

import hashlib
import hmac
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from components.domain.errors import InputError
from components.monitor.alarm import alarm_document, check_command, check_webhook, post, run_command
from components.monitor.monitor import judge


class Receiver(ThreadingHTTPServer):
    """Keeps what it is sent and answers with the given codes, the last one for ever."""

    def __init__(self, *codes: int) -> None:
        self.codes, self.got = list(codes), []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                receiver.got.append((dict(self.headers), self.rfile.read(int(self.headers["Content-Length"])).decode()))
                code = receiver.codes.pop(0) if len(receiver.codes) > 1 else receiver.codes[0]
                self.send_response(code)
                if code == 302:
                    self.send_header("Location", f"{receiver.address}/elsewhere")
                self.end_headers()

            def do_GET(self):
                self.do_POST()

            def log_message(self, *_):
                return

        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook"

    def __enter__(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


def test_a_post_carries_a_signature_that_its_receiver_can_check():
    with Receiver(204) as receiver:
        assert post(receiver.address, '{"event": "lobule.alarm"}\n', key="shared") == ""
    ((headers, body),) = receiver.got
    signed = f"{headers['X-Lobule-Timestamp']}.{headers['X-Lobule-Delivery']}.{body}".encode()
    assert headers["X-Lobule-Signature"].rpartition(":")[2] == hmac.new(b"shared", signed, hashlib.sha256).hexdigest()
    assert headers["Content-Type"] == "application/json"


def test_without_a_key_nothing_is_signed():
    with Receiver(200) as receiver:
        post(receiver.address, "{}", key="")
    assert "X-Lobule-Signature" not in receiver.got[0][0]


def test_an_overloaded_receiver_is_asked_again_with_the_same_delivery():
    with Receiver(503, 429, 200) as receiver:
        assert post(receiver.address, "{}", key="", pauses=(0.0, 0.0)) == ""
    assert len({headers["X-Lobule-Delivery"] for headers, _ in receiver.got}) == 1
    assert len(receiver.got) == 3


@pytest.mark.parametrize(("code", "tries"), [(500, 3), (400, 1), (302, 1)])
def test_what_is_not_taken_is_told_in_one_line_and_never_sent_elsewhere(code, tries):
    with Receiver(code) as receiver:
        said = post(receiver.address, "{}", key="", pauses=(0.0, 0.0))
    assert said == f"the alarm could not be posted to {receiver.address}: it answered {code}"
    assert len(receiver.got) == tries


def test_nobody_there_is_told_without_the_password():
    said = post("http://bob:s3cret@127.0.0.1:9/hook", "{}", key="", pauses=(0.0,))
    assert "http://127.0.0.1:9/hook: " in said
    assert "s3cret" not in said


@pytest.mark.parametrize("address", ["ftp://host/x", "hook", "https://", "file:///etc/passwd"])
def test_an_address_that_cannot_be_posted_to_is_refused(address):
    with pytest.raises(InputError, match="LOBULE_ALARM_WEBHOOK must be an http:// or https:// address"):
        check_webhook(address)


def test_a_command_gets_the_alarm_on_its_standard_input_and_no_shell_sees_it(tmp_path):
    code = "import sys, pathlib; pathlib.Path(sys.argv[1]).write_text(sys.stdin.read())"
    words = check_command(f"{sys.executable} -c '{code}' '{tmp_path}/$(whoami); x'")
    assert run_command(words, '{"a": 1}') == ""
    assert (tmp_path / "$(whoami); x").read_text() == '{"a": 1}'


@pytest.mark.parametrize(
    ("code", "words"),
    [("import sys; sys.exit('no pager')", "ended with 1: .*no pager"), ("import time; time.sleep(9)", "ended after 0.5 s")],
)
def test_a_command_that_fails_is_told(code, words):
    import re

    assert re.search(words, run_command([sys.executable, "-c", code], "{}", timeout=0.5 if "sleep" in code else 30))


@pytest.mark.parametrize("text", ["", "'open", "no-such-program-anywhere now"])
def test_a_command_that_cannot_be_run_is_refused_before_anything_is_judged(text):
    with pytest.raises(InputError, match="--on-alarm must"):
        check_command(text)


def test_the_document_says_what_changed_and_what_is_done(scene):
    scene.play(darker=0.2)
    verdict = judge(scene.log, scene.bundle, since=None).verdict
    document = json.loads(alarm_document(verdict, name="lobule-histology", version="3", retraining={"state": "run x begins", "run": "x"}))
    assert (document["event"], document["model"], document["version"]) == ("lobule.alarm", "lobule-histology", "3")
    assert document["headline"] == "drift"
    assert "property_brightness" in [each["name"] for each in document["drifted"]]
    assert document["look_at"] == [each.request_id for each in verdict.examples.drifted]
    assert document["retraining"] == {"state": "run x begins", "run": "x"}
