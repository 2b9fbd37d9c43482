"""Parts of a page that needs nothing but itself: text, tables, bars and pictures as HTML, light or dark as the reader's system."""

import base64
import html
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from PIL import Image

from serving.contract import ImageSpec
from serving.imaging import ImageError, decode, fit

THUMBNAIL = 144
_SPEC = ImageSpec(height=THUMBNAIL, width=THUMBNAIL, fit="crop")

STYLE = """
:root { color-scheme: light dark; --ink: #1d2430; --soft: #5b6675; --line: #dfe3e9; --page: #f6f7f9; --card: #fff;
  --accent: #a3366b; --bar: #d9a5bf; --warn: #8a5a00; }
@media (prefers-color-scheme: dark) { :root { --ink: #e7eaf0; --soft: #9aa5b5; --line: #2e3642; --page: #12161c;
  --card: #1a2029; --accent: #e58bb4; --bar: #7d3d5c; --warn: #e8b45a; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 62rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
h1 { font-size: 1.7rem; margin: 0 0 .2rem; letter-spacing: -.01em; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 2.4rem 0 .7rem; }
p { margin: .4rem 0; } .soft, figcaption, th { color: var(--soft); } code { font-size: .88em; overflow-wrap: anywhere; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(8rem, 1fr)); gap: .75rem; margin: 1.5rem 0; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .7rem; padding: .8rem 1rem; }
.card b { display: block; font-size: 1.6rem; font-weight: 650; line-height: 1.2; font-variant-numeric: tabular-nums; }
.scroll { overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: .7rem; }
table { border-collapse: collapse; width: 100%; } td, th { padding: .4rem .9rem; text-align: left; border-top: 1px solid var(--line); }
tr:first-child th { border-top: 0; font-weight: 550; } td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
ul { margin: .4rem 0; padding-left: 1.2rem; } li { margin: .25rem 0; overflow-wrap: anywhere; } li::marker { color: var(--warn); }
.bars { display: grid; grid-template-columns: max-content 1fr max-content; gap: .3rem .8rem; align-items: center; }
.bars i { display: block; height: .8rem; border-radius: .3rem; background: var(--bar); min-width: 2px; }
.pictures { display: flex; flex-wrap: wrap; gap: .8rem; }
.group { display: flex; flex-wrap: wrap; gap: .5rem; padding: .6rem; background: var(--card); border: 1px solid var(--line);
  border-radius: .7rem; }
.group.crossing { border-color: var(--accent); box-shadow: inset 0 0 0 1px var(--accent); }
figure { margin: 0; width: 9rem; } figure img { display: block; width: 9rem; height: 9rem; border-radius: .4rem; }
figcaption { font-size: .76rem; line-height: 1.3; margin-top: .25rem; overflow-wrap: anywhere; }
details summary { cursor: pointer; } footer { margin-top: 3rem; font-size: .85rem; color: var(--soft); }
"""


def page(title: str, body: Iterable[str]) -> str:
    """Return a whole document."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n<body><main>\n" + "\n".join(body) + "\n</main></body></html>\n"
    )


def escape(value: object) -> str:
    """Return text that is safe in HTML."""
    return html.escape(str(value))


def section(title: str, *parts: str, note: str = "") -> str:
    """Return a headed section, or nothing where all its parts are empty."""
    if not any(parts):
        return ""
    return f"<section><h2>{escape(title)}</h2>" + (f'<p class="soft">{escape(note)}</p>' if note else "") + "".join(parts) + "</section>"


def cards(numbers: dict[str, str]) -> str:
    """Return large numbers, each under its name."""
    return '<div class="cards">' + "".join(f'<div class="card"><b>{escape(v)}</b>{escape(k)}</div>' for k, v in numbers.items()) + "</div>"


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table; whole numbers stand right. Empty without rows."""
    lines = list(rows)
    if not lines:
        return ""

    def cell(tag: str, value: object, number: bool) -> str:
        text = f"{value:,}" if isinstance(value, int) else str(value)
        return f"<{tag}{' class=number' if number else ''}>{escape(text)}</{tag}>"

    numeric = [isinstance(value, int) for value in lines[0]]
    parts = ["<tr>" + "".join(cell("th", value, number) for value, number in zip(head, numeric, strict=True)) + "</tr>"]
    parts += ["<tr>" + "".join(cell("td", value, isinstance(value, int)) for value in line) + "</tr>" for line in lines]
    return '<div class="scroll"><table>' + "".join(parts) + "</table></div>"


def bars(counts: dict[str, int], *, most: int = 8) -> str:
    """Return a bar for each of the first `most` counts, the rest summed up."""
    shown = dict(list(counts.items())[:most])
    rest = sum(counts.values()) - sum(shown.values())
    if rest:
        shown[f"{len(counts) - most} others"] = rest
    top = max(shown.values(), default=1)
    return (
        '<div class="bars">'
        + "".join(f'<span>{escape(k)}</span><i style="width:{100 * v / top:.1f}%"></i><span>{v:,}</span>' for k, v in shown.items())
        + "</div>"
    )


def picture(file: Path, caption: str) -> str:
    """Return a thumbnail with its caption, the picture inside the page; a frame where it cannot be read."""
    try:
        pixels = fit(decode(file.read_bytes()).pixels, _SPEC)
    except (OSError, ImageError):
        return f"<figure><figcaption>{escape(caption)}</figcaption></figure>"
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=80)
    data = base64.b64encode(buffer.getvalue()).decode()
    return f'<figure><img alt="{escape(caption)}" src="data:image/jpeg;base64,{data}"><figcaption>{escape(caption)}</figcaption></figure>'
