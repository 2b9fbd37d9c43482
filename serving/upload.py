"""Images out of a request: multipart fields or the raw body, held in memory, limited while they arrive.

The bytes are read here and not by the web framework, because its form parser spools to disk and starts no answer before the
last byte. Names of files are never looked at.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect, Request

from serving.http_errors import ApiError
from serving.intake import Upload

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

OVERHEAD = 16_384
"""Bytes that the frame of a multipart body may add to an image."""
MAX_PARTS = 256


async def read_images(request: Request, fields: tuple[str, ...], *, upload: Upload, max_bytes: int, max_images: int = 1) -> list[bytes]:
    """Return the encoded images of a request, in the order sent.

    Args:
        request: with a multipart body, or one image as the body.
        fields: names of the multipart fields that hold images.
        upload: that the bytes are counted in.
        max_bytes: largest body.
        max_images: most images.

    Raises:
        ApiError: for another content type (415), too many bytes or images (413), a broken body (400), a wrong field (422).
    """
    kind, options = parse_options_header(request.headers.get("content-type"))
    if kind == b"multipart/form-data":
        boundary = options.get(b"boundary", b"")
        if not boundary:
            raise ApiError("bad_multipart", "the multipart body names no boundary", "let your HTTP library set the content type")
        return _pick(_parse(await read_body(request, upload, max_bytes + OVERHEAD), boundary), fields, max_images)
    if kind.startswith(b"image/") or kind in (b"application/octet-stream", b"application/dicom"):
        return [await read_body(request, upload, max_bytes)]
    shown = kind.decode("latin-1")[:60] or "none"
    remedy = f"send multipart/form-data with the field {fields[0]!r}, or the image itself with a content type such as image/png"
    raise ApiError("unsupported_type", f"the content type {shown} is not supported", remedy, 415)


async def read_body(request: Request, upload: Upload, limit: int) -> bytes:
    """Return the body of a request, counted while it arrives.

    Raises:
        ApiError: for more bytes than `limit` (413), or a client that goes (400).
    """
    declared = request.headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and (len(declared) > 15 or int(declared) > limit):
        raise _too_large(limit)
    chunks: list[bytes] = []
    total = 0
    try:
        async for chunk in request.stream():
            total += len(chunk)
            if total > limit:
                raise _too_large(limit)
            upload.arrived(len(chunk))
            chunks.append(chunk)
    except ClientDisconnect:
        raise ApiError("disconnected", "the connection ended before the image was whole", "send it again") from None
    upload.whole()
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _too_large(limit: int) -> ApiError:
    return ApiError("too_many_bytes", f"a request may hold {limit:,} bytes, but this one holds more", "send a smaller file", 413)


@dataclass
class _Part:
    header_name: bytes = b""
    header_value: bytes = b""
    name: str = ""
    data: list[bytes] = field(default_factory=list)


def _parse(body: bytes, boundary: bytes) -> list[tuple[str, bytes]]:
    """Split a whole multipart body into (field, content)."""
    parts: list[_Part] = []
    done = False

    def begin() -> None:
        if len(parts) >= MAX_PARTS:
            raise FormParserError(f"more than {MAX_PARTS} parts")
        parts.append(_Part())

    def header_name(data: bytes, start: int, end: int) -> None:
        parts[-1].header_name += data[start:end]

    def header_value(data: bytes, start: int, end: int) -> None:
        parts[-1].header_value += data[start:end]

    def header_end() -> None:
        part = parts[-1]
        if part.header_name.lower() == b"content-disposition":
            part.name = parse_options_header(part.header_value)[1].get(b"name", b"").decode("utf-8", "replace")
        part.header_name = part.header_value = b""

    def content(data: bytes, start: int, end: int) -> None:
        parts[-1].data.append(data[start:end])

    def finish() -> None:
        nonlocal done
        done = True

    callbacks: MultipartCallbacks = {
        "on_part_begin": begin,
        "on_header_field": header_name,
        "on_header_value": header_value,
        "on_header_end": header_end,
        "on_part_data": content,
        "on_end": finish,
    }
    try:
        parser = MultipartParser(boundary, callbacks)
        parser.write(body)
        parser.finalize()
    except FormParserError:
        done = False
    if not done:
        raise ApiError("bad_multipart", "the multipart body is broken or cut off", "let your HTTP library build it, and send all of it")
    return [(part.name, b"".join(part.data)) for part in parts]


def _pick(parts: list[tuple[str, bytes]], fields: tuple[str, ...], max_images: int) -> list[bytes]:
    images = [data for name, data in parts if name in fields]
    if not images:
        found = ", ".join(repr(name[:40]) for name, _ in parts[:5]) or "no field"
        raise ApiError(
            "wrong_field", f"the image is expected in the field {fields[0]!r}, but got {found}", f"rename it to {fields[0]!r}", 422
        )
    if len(images) > max_images:
        remedy = "use /predict/batch for several" if max_images == 1 else "send them in several requests"
        raise ApiError("too_many_images", f"{max_images} images are allowed in this request, but got {len(images)}", remedy, 413)
    return images
