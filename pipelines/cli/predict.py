"""`lobule predict`: scores of image files, from a running service or in process."""

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import click

from components.domain.errors import InputError
from components.domain.settings import home, tracking_uri

Document = dict[str, object]
UNREADABLE = 2
"""Exit code when an image could not be answered; the others are."""


@click.command("predict")
@click.argument("images", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--url", metavar="URL", help="Ask this running service; its key, if it has one, in LOBULE_API_KEY.")
@click.option("--model", metavar="MODEL", help="Without --url: @ALIAS, NAME/VERSION, VERSION or a bundle directory [default: @champion].")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of the table.")
def command(images: tuple[Path, ...], url: str | None, model: str | None, as_json: bool) -> int:
    """Score IMAGES with the champion, or with a running service.

    Every image is answered by itself; one that cannot be read is told and does not stop the others.

    \b
    Exit code: 0 all answered, 2 at least one image was not.

    \b
    Examples:
      lobule predict scan.png
      lobule predict *.png --json
      lobule predict scan.png --url http://127.0.0.1:3000
      lobule predict scan.png --model lobule-ultrasound/3
    """
    if url and model:
        raise InputError(f"--url and --model must not both be given, but got {url} and {model}; a service has its own model")
    ask, described = _service(url) if url else _in_process(model)
    results: list[Document] = [{"path": str(path), **ask(path)} for path in images]
    if as_json:
        click.echo(json.dumps({**described(), "results": results}, indent=2))
    else:
        _show(results, described())
    return UNREADABLE if any("error" in result for result in results) else 0


def _in_process(model: str | None) -> tuple[Callable[[Path], Document], Callable[[], Document]]:
    from serving.contract import DISCLAIMER
    from serving.http_errors import error_body
    from serving.imaging import ImageError, decode
    from serving.registry import resolve
    from serving.responses import model_document, prediction_document
    from serving.slot import Served

    found = resolve(model, tracking_uri=tracking_uri(), cache=home() / "cache" / "bundles")
    served = Served.load(found.bundle, name=found.name, version=found.version, alias=found.alias)

    def ask(path: Path) -> Document:
        try:
            pixels = decode(path.read_bytes()).pixels
        except ImageError as error:
            return {**error_body(error.code, error.message, error.remedy)}
        except OSError as error:
            return _unreadable(error)
        document = prediction_document(served.predictor.predict([pixels])[0], served, image=None, heatmap=None)
        return {key: value for key, value in document.items() if key not in ("image", "heatmap")}

    return ask, lambda: {"model": model_document(served), "disclaimer": DISCLAIMER}


def _service(url: str) -> tuple[Callable[[Path], Document], Callable[[], Document]]:
    import time
    import urllib.error
    import urllib.request

    if not url.startswith(("http://", "https://")):
        raise InputError(f"--url must start with http:// or https://, but got {url!r}; write for example http://127.0.0.1:3000")
    key = os.environ.get("LOBULE_API_KEY")
    common: Document = {}

    def send(data: bytes) -> Document:
        headers = {"Content-Type": "application/octet-stream", **({"X-API-Key": key} if key else {})}
        request = urllib.request.Request(f"{url.rstrip('/')}/predict?image=false", data, headers, method="POST")  # noqa: S310 - checked above
        with urllib.request.urlopen(request, timeout=120) as response:  # noqa: S310
            document: Document = json.load(response)
        return document

    def ask(path: Path, *, tries: int = 5) -> Document:
        try:
            document = send(path.read_bytes())
        except urllib.error.HTTPError as error:
            if error.code in (429, 503) and tries > 1:
                time.sleep(min(float(error.headers.get("Retry-After") or 1), 10.0))
                return ask(path, tries=tries - 1)
            body = _error_body(error.read())
            if body is None or error.code in (401, 404, 405):
                raise InputError(
                    f"{url} must be a Lobule service that we may ask, but it answers {error.code}; see LOBULE_API_KEY"
                ) from None
            return body
        except urllib.error.URLError as error:
            raise InputError(f"--url must be a running service, but {url} does not answer ({error.reason}); start `lobule serve`") from None
        except OSError as error:
            return _unreadable(error)
        common.update({name: document.pop(name) for name in ("model", "disclaimer")})
        return {name: value for name, value in document.items() if name not in ("image", "heatmap")}

    return ask, lambda: common


def _error_body(text: bytes) -> Document | None:
    try:
        body = json.loads(text)
    except ValueError:
        return None
    return body if isinstance(body, dict) and isinstance(body.get("error"), dict) else None


def _unreadable(error: OSError) -> Document:
    return {"error": {"code": "unreadable", "message": str(error.strerror or error), "remedy": "name a file that you may read"}}


def _show(results: Sequence[Document], described: Document) -> None:
    from rich.markup import escape
    from rich.table import Table

    from pipelines.cli.stored import show

    table = Table("image", "class", "confidence", "probabilities", "verdict", "why")
    for result in results:
        error = result.get("error")
        if isinstance(error, dict):
            table.add_row(escape(str(result["path"])), "-", "-", "-", "not answered", escape(f"{error['message']}; {error['remedy']}"))
            continue
        shares, reasons = result["probabilities"], result["reasons"]
        assert isinstance(shares, dict)
        assert isinstance(reasons, list)
        numbers = ", ".join(f"{name} {100 * share:.1f} %" for name, share in shares.items())
        cells = [result["path"], result["class_name"], f"{result['confidence']} %", numbers, result["verdict"], " ".join(reasons)]
        table.add_row(*(escape(str(cell)) for cell in cells))
    show(table)
    model = described.get("model")
    if isinstance(model, dict):
        version = f" version {model['version']}" if model["version"] is not None else ""
        click.echo(f"{model['name']}{version}, bundle {str(model['bundle'])[:19]}. {described['disclaimer']}")
