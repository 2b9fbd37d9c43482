"""The comparison as one page that needs nothing else, in light and dark, on a desk and on a phone."""

import re
from collections.abc import Mapping, Sequence
from html import escape

from components.compare.compare import Comparison, Disagreement, Pair
from components.compare.drawings import forest, roc
from components.compare.paired import LEVEL
from components.compare.pictures import Picture
from components.compare.style import STYLE
from components.compare.words import p_text, title
from serving.contract import DISCLAIMER

SHOWN = 48
"""Images of disagreement on the page."""
LETTERS = "ABCDEF"


def render(comparison: Comparison, settings: Mapping[str, Sequence[str]], pictures: Mapping[str, Picture]) -> str:
    """Return the page.

    Args:
        comparison: what was found.
        settings: in which the models' recipes differ: one value each model, by name.
        pictures: of the images that they disagree on, by id; may be empty.
    """
    names = dict(zip(comparison.names, LETTERS, strict=False))
    report = comparison.aligned.entrants[0].report
    which = "the same" if comparison.aligned.same else "the common"
    spoken = "".join(f'<p class="headline">{_keyed(pair.verdict, names)}</p>' for pair in comparison.pairs)
    told = " against ".join(names.values())
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Comparison: {escape(" | ".join(names))}</title><style>{STYLE}</style></head><body>
<h1>Comparison of {told}</h1>{spoken}
{"".join(f'<p class="warn">{escape(each)}</p>' for each in comparison.warnings)}
<p class="soft">The chosen model of each run, on {which} {comparison.images} test images of {comparison.groups} groups; classes
{escape(", ".join(report.classes))}; positive is {escape(report.positive)}. {DISCLAIMER}</p>
<div class="wide"><table><tr><th></th><th>run</th><th>recipe</th><th>AUC of every seed</th></tr>
{"".join(_run_row(comparison, index) for index in range(len(names)))}</table></div>
{_settings_table(settings, list(names.values()))}
{"".join(_pair(pair, comparison, names) for pair in comparison.pairs)}
<h2>Where they disagree</h2>{_cards(comparison, pictures)}
<h2>How to read this</h2><p class="soft">Intervals: 95 % percentiles of resamples in which the same groups are drawn for both models. AUC:
DeLong's test with Obuchowski's sums over groups. Shares: McNemar's exact test, whole groups changing sides. Both are the textbook tests
where every group has one image. Holm: p-values corrected for all questions on this page together; below {LEVEL} a difference is told. How
many cases would tell: the standard error falls with the square root of the number of groups; for a power of 80 %, if the
measured difference is the true one. It is about these trained models; how far another seed would move them, the table above shows.</p>
</body></html>
"""


def _key(letter: str) -> str:
    return f'<span class="key c{LETTERS.index(letter)}">{letter}</span>'


def _keyed(sentence: str, names: Mapping[str, str]) -> str:
    """Escape a sentence and put each model's letter for its name."""
    pattern = "|".join(re.escape(escape(name)) for name in sorted(names, key=len, reverse=True))
    plain = {escape(name): letter for name, letter in names.items()}
    return re.sub(pattern, lambda match: _key(plain[match[0]]), escape(sentence))


def _run_row(comparison: Comparison, index: int) -> str:
    each = comparison.aligned.entrants[index]
    auc = each.report.metrics["auc"]
    seeds = ", ".join(f"{value:.3f}" for value in each.report.seeds.get("auc", []))
    known = "too few groups" if auc.says_nothing else f"chosen {auc.value:.3f} [{auc.low:.3f}, {auc.high:.3f}]"
    return (
        f'<tr><td>{_key(LETTERS[index])}</td><td class="name">{escape(each.name)}</td><td class="name">{escape(each.report.recipe)}</td>'
        f"<td>{seeds}; {known}</td></tr>"
    )


def _settings_table(settings: Mapping[str, Sequence[str]], letters: list[str]) -> str:
    if not settings:
        return ""
    head = "".join(f"<th>{_key(letter)}</th>" for letter in letters)
    rows = "".join(
        f"<tr><th>{escape(key)}</th>{''.join(f'<td>{escape(value)}</td>' for value in values)}</tr>" for key, values in settings.items()
    )
    return f'<h2>What differs in their recipes</h2><div class="wide"><table><tr><th>setting</th>{head}</tr>{rows}</table></div>'


def _pair(pair: Pair, comparison: Comparison, names: Mapping[str, str]) -> str:
    first, second = names[pair.first], names[pair.second]
    entrants = [each for each in comparison.aligned.entrants if each.name in (pair.first, pair.second)]
    metrics = comparison.metrics
    places = (LETTERS.index(first), LETTERS.index(second))
    return f"""<h2>{_key(first)} and {_key(second)}</h2>
<div class="two"><div>{forest(pair, (first, second), metrics, comparison.deciding)}</div>
<div>{roc(entrants, first + second, places)}</div></div>
<ul>{"".join(f"<li>{_keyed(sentence, names)}</li>" for sentence in pair.sentences)}</ul>
<div class="wide"><table><tr><th>metric</th><th>{_key(first)}</th><th>{_key(second)}</th><th>{second} - {first} [95 %]</th>
<th>p</th><th>Holm</th><th>test</th><th>right alone</th></tr>
{"".join(_metric_row(pair, name, comparison) for name in metrics)}</table></div>"""


def _metric_row(pair: Pair, name: str, comparison: Comparison) -> str:
    each = pair.paired.differences[name]
    decides = name in comparison.deciding
    alone = pair.paired.discordant.get(name)
    tested = (p_text(each.p), p_text(each.adjusted), each.test) if decides else ("", "", "")
    mark = ' class="told"' if each.told else ""
    return (
        f"<tr{'' if decides else ' class=side'}><th>{escape(title(name))}</th><td>{each.first:.3f}</td><td>{each.second:.3f}</td>"
        f"<td{mark}>{each.interval.value:+.3f} [{each.interval.low:+.3f}, {each.interval.high:+.3f}]</td>"
        f"{''.join(f'<td>{text}</td>' for text in tested)}<td>{f'{alone.only_first} to {alone.only_second}' if alone else ''}</td></tr>"
    )


def _cards(comparison: Comparison, pictures: Mapping[str, Picture]) -> str:
    total = len(comparison.disagreements)
    if not total:
        return "<p>They say the same class of every image.</p>"
    shown = comparison.disagreements[:SHOWN]
    part = f"; the {SHOWN} widest apart are shown" if total > SHOWN else ""
    missing = sum(each.id not in pictures for each in shown)
    note = f" The data set of {missing} of them is not on this machine, so they have no picture." if missing else ""
    cards = "".join(_card(each, pictures.get(each.id)) for each in shown)
    said = f"On {total} of {comparison.images} images{part}.{note} In brackets the probability of the true class."
    return f'<p>{said}</p><div class="cards">{cards}</div>'


def _card(each: Disagreement, picture: Picture | None) -> str:
    said = "".join(
        f'<div>{_key(letter)} <span class="{"yes" if word == each.label else "no"}">{escape(word)}</span> ({score:.2f})</div>'
        for letter, word, score in zip(LETTERS, each.said, each.scores, strict=False)
    )
    image = f'<img src="{picture.address}" alt="{escape(picture.source)}" loading="lazy">' if picture else ""
    name = picture.source.rsplit("/", 1)[-1] if picture else each.id.removeprefix("sha256:")[:16]
    return f'<div class="card">{image}<b>{escape(each.label)}</b>{said}<span class="soft">{escape(name)}</span></div>'
