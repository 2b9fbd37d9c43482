"""What a step tells while it works."""

from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from components.domain import console


@pytest.fixture
def lines(monkeypatch):
    """Works through items that take some seconds each by a clock of its own; returns what was told."""

    def told(seconds: list[float]) -> list[str]:
        now = [0.0]
        monkeypatch.setattr(console, "time", SimpleNamespace(monotonic=lambda: now[0]))

        def work() -> Iterator[int]:
            for place, duration in enumerate(seconds):
                now[0] += duration
                yield place

        said: list[str] = []
        list(console.progress(work(), len(seconds), "images", every=1.0, tell=lambda form, *values: said.append(form % values)))
        return said

    return told


def test_the_first_items_give_no_rate(lines):
    assert lines([5.0, 5.0, 5.0, 5.0]) == ["1/4 images", "2/4 images", "3/4 images, 0.2/s, 5 s left", "4 images in 20.0 s"]


def test_the_first_two_seconds_give_no_rate(lines):
    said = lines([1 / 64] * 256)
    assert said == ["64/256 images", "128/256 images, 64/s, 2 s left", "192/256 images, 64/s, 1 s left", "256 images in 4.0 s"]


def test_quick_work_tells_its_end_alone(lines):
    assert lines([0.1] * 5) == ["5 images in 0.5 s"]
