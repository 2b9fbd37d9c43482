"""The dashboard's files: small, in need of nobody else, and readable on both themes."""

import re
from pathlib import Path

import pytest

DASHBOARD = Path(__file__).resolve().parents[2] / "serving" / "dashboard"


def test_the_page_is_small_and_needs_nobody_else() -> None:
    files = [path for path in DASHBOARD.iterdir() if path.suffix in {".html", ".css", ".js"}]
    texts = {path.name: path.read_text(encoding="utf-8") for path in files}
    assert {"index.html", "style.css", "app.js", "api.js", "view.js"} <= set(texts)
    assert sum(path.stat().st_size for path in files) < 48 * 1024
    assert [name for name, text in texts.items() if len(text.splitlines()) > 300] == []
    assert [
        name for name, text in texts.items() if re.search(r"https?://|innerHTML|outerHTML|insertAdjacentHTML|eval\(|style=", text)
    ] == []


def luminance(colour: str) -> float:
    """Relative luminance of `#rgb` or `#rrggbb` (WCAG 2.2)."""
    digits = colour.lstrip("#")
    digits = "".join(digit * 2 for digit in digits) if len(digits) == 3 else digits
    shares = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


PAIRS = "ink/page ink/card soft/page soft/card accent/card accent/tint soft/tint on-accent/accent ink/ok-tint ink/warn-tint ink/far-tint"


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("pair", [*PAIRS.split(), "ok/ok-tint", "warn/warn-tint", "far/far-tint", "bad/bad-tint", "soft/bad-tint"])
def test_text_has_enough_contrast(pair: str, theme: int) -> None:
    themes = re.findall(r":root \{(.*?)\}", (DASHBOARD / "style.css").read_text(encoding="utf-8"), re.DOTALL)
    colours = dict(re.findall(r"--([\w-]+): (#\w+);", themes[theme]))
    lighter, darker = sorted((luminance(colours[name]) for name in pair.split("/")), reverse=True)
    assert (lighter + 0.05) / (darker + 0.05) >= 4.5


def test_luminance_of_black_and_white() -> None:
    assert (luminance("#000"), luminance("#ffffff")) == (0.0, pytest.approx(1.0))
