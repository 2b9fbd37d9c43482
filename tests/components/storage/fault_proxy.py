"""A proxy in front of a store that goes wrong by plan: it answers 503, cuts a body, stalls within one, or hangs up; then it behaves.

Requests go on as they came, their signed headers unchanged, so that the real client speaks with the real store.
"""

import http.client
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

BUSY = b"<?xml version='1.0'?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding"}


@dataclass
class Proxy:
    """What goes wrong: faults by the beginning of `METHOD path`, each used up once; and what was asked, with its range."""

    endpoint: str
    url: str = ""
    stall_seconds: float = 3.0
    faults: dict[str, list[str]] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    met: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def next_fault(self, call: str) -> str:
        with self.lock:
            for beginning, planned in self.faults.items():
                if planned and call.startswith(beginning):
                    self.met.append(planned[0])
                    return planned.pop(0)
        return ""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy: Proxy

    def log_message(self, *_: object) -> None:
        return

    def pass_on(self) -> None:
        call = f"{self.command} {self.path}"
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.proxy.asked.append((call, self.headers.get("Range", "")))
        fault = self.proxy.next_fault(call)
        if fault == "hang up":
            self.close_connection = True
            return
        if fault == "503":
            return self.send(503, {"Content-Type": "application/xml"}, BUSY)
        backend = http.client.HTTPConnection(urlsplit(self.proxy.endpoint).netloc, timeout=60)
        backend.request(self.command, self.path, body, dict(self.headers))
        answer = backend.getresponse()
        headers = {name: value for name, value in answer.getheaders() if name.lower() not in HOP_BY_HOP}
        self.send(answer.status, headers, answer.read(), fault=fault)
        backend.close()

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = pass_on  # noqa: N815 - names of http.server

    def send(self, status: int, headers: dict[str, str], body: bytes, *, fault: str = "") -> None:
        self.send_response_only(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        half = len(body) // 2
        self.wfile.write(body[:half])
        self.wfile.flush()
        if fault == "cut":
            self.close_connection = True
            return
        if fault == "stall":
            time.sleep(self.proxy.stall_seconds)
            self.close_connection = True
            return
        self.wfile.write(body[half:])


@contextmanager
def running(endpoint: str) -> Iterator[Proxy]:
    """Run a proxy before a store on a free port."""
    proxy = Proxy(endpoint)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"proxy": proxy}))
    server.daemon_threads = True
    proxy.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
