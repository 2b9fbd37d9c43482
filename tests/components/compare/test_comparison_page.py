"""The page: complete in itself, with its drawings and pictures, and what a stranger's names do to it."""

import base64
import io
import re
from html.parser import HTMLParser

import numpy as np
from PIL import Image

from components.compare.compare import compare_models
from components.compare.page import SHOWN, render
from components.compare.pictures import Picture, read_pictures

LABELS = np.arange(200) % 2


class Reader(HTMLParser):
    """Collects tags and checks that those which must be closed are."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [value for key, value in attrs if key in ("src", "href") and value]
        if tag not in ("meta", "img", "line", "circle", "rect", "polyline"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(re.sub(r"<(line|circle|rect|polyline)([^>]*)/>", r"<\1\2>", page))
    assert not reader.open
    return reader


def test_the_page_needs_nothing_else_and_holds_every_drawing(entrant, noisy):
    one, two = (entrant(name, LABELS, noisy(LABELS, signal=signal, seed=1)) for name, signal in (("one", 0.2), ("two", 2)))
    found = compare_models([one, two])
    ids = [each.id for each in found.disagreements]
    pictures = {identity: Picture(f"benign/{identity}.png", "data:image/jpeg;base64,AAAA") for identity in ids}
    page = render(found, {"epochs": ["3", "5"]}, pictures)
    reader = read(page)
    assert reader.tags.count("svg") == 2 and reader.tags.count("img") == min(SHOWN, len(ids)) > 0
    assert all(address.startswith("data:") for address in reader.addresses) and "http" not in page
    assert "is better than" in page and "<th>epochs</th><td>3</td><td>5</td>" in page and len(page) < 1_000_000


def test_names_are_escaped_and_stand_as_letters_in_sentences(entrant, noisy):
    scores = noisy(LABELS, signal=1, seed=1)
    page = render(compare_models([entrant("<b>&1", LABELS, scores), entrant("two", LABELS, scores)]), {}, {})
    read(page)
    assert "<b>&1" not in page and "&lt;b&gt;&amp;1" in page
    assert 'Cannot tell <span class="key c0">A</span> and <span class="key c1">B</span> apart' in page


def test_images_that_are_not_on_this_machine_are_said(entrant, noisy):
    one, two = (entrant(name, LABELS, noisy(LABELS, signal=signal, seed=1)) for name, signal in (("one", 0.2), ("two", 2)))
    page = render(compare_models([one, two]), {}, {})
    assert "not on this machine" in page and "<img" not in page


def test_six_models_and_their_fifteen_pairs_stay_readable(entrant, noisy):
    models = [entrant(f"model-{index}", LABELS, noisy(LABELS, signal=0.5 + index / 5, seed=index)) for index in range(6)]
    reader = read(render(compare_models(models), {}, {}))
    assert reader.tags.count("svg") == 30


def test_pictures_come_from_the_data_set_where_it_is_there(tiny_dataset, tmp_path):
    first, missing = f"{0:064x}", f"{999:064x}"
    found = read_pictures(tiny_dataset, [first, missing])
    assert list(found) == [first] and found[first].source == "malignant/0.png"
    image = Image.open(io.BytesIO(base64.b64decode(found[first].address.partition(",")[2])))
    assert image.size == (32, 32)
    assert read_pictures(tmp_path / "gone", [first]) == {} and read_pictures(None, [first]) == {} and read_pictures(tmp_path, [first]) == {}
