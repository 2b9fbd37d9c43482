"""The load generator of `make bench-serve`: keeps N requests under way for some seconds and prints what came of them as JSON.

It runs in a process of its own, on raw sockets, and tells its own processor time, because it shares the machine with the server.
A connection stays open where the server leaves it open; where not, opening the next one counts as waiting, as it does for a browser.
"""

import argparse
import asyncio
import json
import sys
import time
from pathlib import Path

import numpy as np

BOUNDARY = b"lobule-bench"


def form(path: str, file: Path) -> bytes:
    """Return a whole HTTP request that uploads a file as the multipart field `image`."""
    kind = b"image/png" if file.suffix == ".png" else b"image/jpeg"
    body = b"--%s\r\nContent-Disposition: form-data; name=\"image\"; filename=\"%s\"\r\nContent-Type: %s\r\n\r\n%s\r\n--%s--\r\n" % (
        BOUNDARY, file.name.encode(), kind, file.read_bytes(), BOUNDARY,
    )  # fmt: skip
    head = f"POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: multipart/form-data; boundary={BOUNDARY.decode()}\r\n"
    return head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body


class Load:
    """Requests under way, and what came of those that began in the time that counts."""

    def __init__(self, port: int, requests: list[bytes], *, begin: float, end: float) -> None:
        self.port, self.requests, self.begin, self.end = port, requests, begin, end
        self.times: list[float] = []
        self.ended: list[float] = []
        self.refused: dict[int, int] = {}
        self.sent = 0

    async def call(self) -> None:
        """Send one request after the other until the time is over."""
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        while (began := time.perf_counter()) < self.end:
            request = self.requests[self.sent % len(self.requests)]
            self.sent += 1
            streams = streams or await asyncio.open_connection("127.0.0.1", self.port, limit=2**20)
            reader, writer = streams
            writer.write(request)
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            await reader.readexactly(int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0]))
            if head.startswith(b"http/1.0") or b"connection: close" in head:
                writer.close()
                streams = None
            status = int(head.split(b" ", 2)[1])
            if status == 200:
                self.ended.append(time.perf_counter())
            if began < self.begin:
                continue
            if status == 200:
                self.times.append(time.perf_counter() - began)
            else:
                self.refused[status] = self.refused.get(status, 0) + 1
        if streams:
            streams[1].close()


def throughput(ended: list[float], *, begin: float) -> float:
    """Return the answers a second from `begin` to the last one, whenever they were asked for.

    The server works until the last answer, on what was asked before `begin` too. Leaving those out while dividing by the whole time made
    slow servers a fifth and more slower than they are.
    """
    after = sorted(time for time in ended if time >= begin)
    return len(after) / (after[-1] - begin) if after else 0.0


async def measure(port: int, requests: list[bytes], *, concurrency: int, warm_up: float, seconds: float) -> dict[str, object]:
    """Load a server; milliseconds and requests a second of what was answered 200."""
    now, own = time.perf_counter(), time.process_time()
    load = Load(port, requests, begin=now + warm_up, end=now + warm_up + seconds)
    await asyncio.gather(*(load.call() for _ in range(concurrency)))
    p50, p99 = 1e3 * np.percentile(load.times, [50, 99]) if load.times else (float("nan"),) * 2
    return {
        "concurrency": concurrency,
        "requests": len(load.times),
        "per_second": throughput(load.ended, begin=load.begin),
        "p50": float(p50),
        "p99": float(p99),
        "refused": load.refused,
        "sent": load.sent,
        "own_ms": 1e3 * (time.process_time() - own) / max(load.sent, 1),
    }


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("port", type=int)
    parser.add_argument("files", type=Path, nargs="+", help="images to upload, in turns")
    parser.add_argument("--path", default="/predict")
    parser.add_argument("--concurrency", type=int, default=1)
    parser.add_argument("--warm-up", type=float, default=1.0, help="seconds that do not count")
    parser.add_argument("--seconds", type=float, default=5.0)
    given = parser.parse_args()
    requests = [form(given.path, file) for file in given.files]
    done = measure(given.port, requests, concurrency=given.concurrency, warm_up=given.warm_up, seconds=given.seconds)
    sys.stdout.write(json.dumps(asyncio.run(done)) + "\n")


if __name__ == "__main__":
    main()
