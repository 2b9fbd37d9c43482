"""The page /docs: the OpenAPI document as plain HTML, without scripts and without the network."""

from html import escape
from typing import TypeAlias

Document: TypeAlias = "dict[str, Document] | list[Document] | str | int | float | bool | None"


def render(document: dict[str, Document]) -> str:
    """Return an OpenAPI document as one HTML page."""
    sections = [
        _operation(path, method, operation)
        for path, methods in _object(document.get("paths")).items()
        for method, operation in _object(methods).items()
    ]
    info = _object(document.get("info"))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f'<title>{_text(info, "title")}</title><link rel="stylesheet" href="/static/style.css"></head>'
        f"<body><main><h1>{_text(info, 'title')}</h1><p>{_text(info, 'description')}</p>"
        '<p><a href="/">Dashboard</a> · <a href="/openapi.json">openapi.json</a> · <a href="/health">health</a> · '
        f'<a href="/metrics">metrics</a></p>{"".join(sections)}</main></body></html>'
    )


def _operation(path: str, method: str, operation: Document) -> str:
    details = _object(operation)
    parameters = details.get("parameters")
    rows = "".join(
        f"<li><code>{_text(_object(item), 'name')}</code>: {_text(_object(item), 'description')}</li>"
        for item in (parameters if isinstance(parameters, list) else [])
    )
    body = "".join(f"<li>body: <code>{escape(kind)}</code></li>" for kind in _object(_object(details.get("requestBody")).get("content")))
    answers = "".join(
        f"<li><code>{escape(status)}</code> {_text(_object(answer), 'description')}</li>"
        for status, answer in _object(details.get("responses")).items()
    )
    return (
        f"<section><h2><code>{escape(method.upper())} {escape(path)}</code></h2><p>{_text(details, 'description')}</p>"
        f"<ul>{rows}{body}</ul><p>Answers</p><ul>{answers}</ul></section>"
    )


def _object(value: Document) -> dict[str, Document]:
    return value if isinstance(value, dict) else {}


def _text(owner: dict[str, Document], key: str) -> str:
    return escape(str(owner.get(key) or ""))
