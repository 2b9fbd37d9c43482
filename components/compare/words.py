"""What a comparison means, in sentences."""

import statistics
from collections.abc import Sequence

from components.compare.align import Entrant
from components.compare.paired import Difference, Paired
from components.domain.directions import direction
from components.domain.intervals import FEWEST_GROUPS

TOO_MANY = 100
"""Times as many cases as there are: beyond it a number would only look exact."""
TITLES = {"auc": "AUC", "auc_positive": "AUC (positive)", "ece": "calibration error", "f1": "F1", "brier": "Brier score"}


def title(metric: str) -> str:
    """Return a metric's name as it stands in a sentence."""
    return TITLES.get(metric, metric.replace("_", " "))


def favours_second(metric: str, difference: float) -> bool:
    """Say whether second - first of a metric speaks for the second."""
    return (difference > 0) == direction(metric)


def verdict(
    first: str, second: str, paired: Paired, deciding: Sequence[str], *, images: int, groups: int
) -> tuple[bool, str, tuple[str, ...]]:
    """Say whether two models differ, in which direction, and how many more cases would tell where they cannot be told apart.

    Returns:
        Whether any deciding metric tells them apart; that in one sentence; one sentence for each deciding metric.
    """
    differences = {name: paired.differences[name] for name in deciding}
    if all(each.p is None for each in differences.values()):
        said = f"Cannot tell {first} and {second} apart: every class needs {FEWEST_GROUPS} groups in the test split, and one has fewer."
        return False, said, ()
    better = {winner: [name for name, each in differences.items() if each.told and _winner(name, each, first, second) == winner]
              for winner in (second, first)}  # fmt: skip
    open_ = [name for name, each in differences.items() if not each.told]
    parts = [f"{winner} is better than {_other(winner, first, second)} in {_list(names)}" for winner, names in better.items() if names]
    told = bool(parts)
    if told:
        said = "; ".join(parts) + (f". They cannot be told apart in {_list(open_)}." if open_ else ".")
    else:
        said = f"Cannot tell {first} and {second} apart in {_list(open_)}."
    return told, said, tuple(_sentence(name, each, images=images, groups=groups) for name, each in differences.items())


def seeds_say(first: Entrant, second: Entrant, metric: str) -> tuple[str, ...]:
    """Say how far seeds alone move a metric, beside the difference of the seeds' means; nothing where one has a single seed."""
    ours, theirs = (each.report.seeds.get(metric, []) for each in (first, second))
    if len(ours) < 2 or len(theirs) < 2:
        short = [each.name for each, values in ((first, ours), (second, theirs)) if len(values) < 2]
        return (f"How far another seed would move the {title(metric)} is not known of {_joined(short)}: train with --seeds 3.",)
    means, spreads = [statistics.fmean(each) for each in (ours, theirs)], [statistics.stdev(each) for each in (ours, theirs)]
    apart = means[1] - means[0]
    told = ", ".join(
        f"{each.name} {mean:.3f} +- {spread:.3f} over {len(values)} seeds"
        for each, mean, spread, values in zip((first, second), means, spreads, (ours, theirs), strict=True)
    )
    within = abs(apart) <= (spreads[0] ** 2 + spreads[1] ** 2) ** 0.5
    meaning = "less than the seeds' own spread, so another seed may turn it round" if within else "more than the seeds' own spread"
    return (f"{title(metric)}: {told}; the means differ by {apart:+.3f}, {meaning}.",)


def _sentence(name: str, each: Difference, *, images: int, groups: int) -> str:
    interval = each.interval
    said = f"{title(name)}: {interval.value:+.3f} [{interval.low:+.3f}, {interval.high:+.3f}], {_p(each.p)} ({each.test})"
    if each.adjusted is not None and each.adjusted != each.p:
        said += f", {p_text(each.adjusted)} after Holm"
    if each.told:
        return f"{said}."
    if each.needed is None:
        return f"{said}; no difference was measured, so no number of cases follows."
    if each.needed > TOO_MANY * groups:
        return f"{said}; a difference this small would take more than {TOO_MANY} times as many cases to tell."
    more = max(1, each.needed - groups)
    return (
        f"{said}; if this is the true difference, about {_rounded(more)} more groups (about {_rounded(more * images / groups)} images) "
        "like these would tell."
    )


def p_text(p: float | None) -> str:
    """Return a p-value with two significant digits, and none smaller than 0.0001."""
    if p is None:
        return "too few groups"
    return "< 0.0001" if p < 0.0001 else f"{p:.2g}"


def _p(p: float | None) -> str:
    text = p_text(p)
    return f"p {text}" if text.startswith("<") else f"p = {text}"


def _rounded(count: float) -> str:
    """Round to two significant digits: the number is an order of magnitude."""
    return f"{int(float(f'{max(count, 1):.2g}')):,}"


def _winner(name: str, each: Difference, first: str, second: str) -> str:
    return second if favours_second(name, each.interval.value) else first


def _other(winner: str, first: str, second: str) -> str:
    return first if winner == second else second


def _list(names: Sequence[str]) -> str:
    return _joined([title(name) for name in names])


def _joined(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
