"""The verdict in plain words: what changed, since when, what to do."""

from collections.abc import Sequence
from datetime import UTC, datetime

from components.monitor.columns import About
from components.monitor.examples import Examples
from components.monitor.history import Volume
from components.monitor.rows import LeftOut
from components.monitor.verdict import Detector

_NAMED = 3
"""Changes that the paragraph names; the table has the rest."""


def moment(when: datetime | None) -> str:
    """Return a time as `2026-01-31 14:05 UTC`."""
    return when.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC") if when else "an unknown time"


def change(detector: Detector) -> str:
    """Return how a column changed: `brightness (median 0.55 -> 0.41)`, `the mix of verdicts (abstain 5% -> 30%)`."""
    before, now = detector.reference, detector.current
    if detector.kind == "number":
        return f"{detector.words} (median {before['median']:.3g} -> {now['median']:.3g})"
    if detector.kind == "category":
        name = max({**before, **now}, key=lambda each: abs(now.get(each, 0.0) - before.get(each, 0.0)))
        return f"{detector.words} ({name} {before.get(name, 0.0):.0%} -> {now.get(name, 0.0):.0%})"
    return f"{detector.words} (effect {detector.effect:.2g})"


def side(summary: dict[str, float], *, spread: bool = True) -> str:
    """Return one side of a detector in words: `0.41 (0.30 to 0.52)`, the median with 80 % of the values, or `benign 60%`.

    Without `spread` a number is its median alone.
    """
    if "median" in summary and "p10" in summary:
        return f"{summary['median']:.3g}" + (f" ({summary['p10']:.3g} to {summary['p90']:.3g})" if spread else "")
    return ", ".join(f"{name} {share:.0%}" for name, share in sorted(summary.items(), key=lambda item: -item[1]))


def drift_text(
    drifted: Sequence[Detector], *, watched: int, images: int, first: datetime | None, onset: datetime | None, examples: Examples
) -> str:
    """Say what changed, since when and what to do about it."""
    named = ", ".join(change(detector) for detector in drifted[:_NAMED])
    rest = len(drifted) - _NAMED
    more = f" and {rest} more" if rest > 0 else ""
    since = f"It most likely began about {moment(onset)}" if onset else f"It was there from the window's first image on, {moment(first)}"
    about = {detector.about for detector in drifted}
    shown = [example.request_id for example in examples.drifted[:_NAMED] if example.request_id]
    look = f" Look first at the images of requests {', '.join(shown)}, which depart most." if shown else ""
    return (
        f"Drift: {len(drifted)} of {watched} watched properties of these {images:,} images differ from the model's "
        f"reference images, most of all {named}{more}. {since}.{look} {_advice(about)}"
    )


def _advice(about: set[About]) -> str:
    if about == {"log"}:
        return "The images show no change: fields are missing in the log itself, so look at the service's version and its log."
    cause = (
        "Find out what changed then in acquisition, staining, export or upload of the images."
        if "images" in about
        else "Brightness, colour, sharpness and size show no change, so look at who and what is being imaged: another mix or kind of case."
    )
    trust = (
        "The model's view of the images or its answers moved too: have a sample of these images labelled and check the sensitivity "
        "before the answers are relied on; if it has fallen, add those images to the data and train again with `lobule run`."
        if about & {"model view", "answers"}
        else "No change was found in the model's view of the images or in its answers, so nothing needs to stop; look again next time."
    )
    return f"{cause} {trust}"


def no_drift_text(detectors: Sequence[Detector], *, images: int, reference: int, alpha: float) -> str:
    """Say that nothing was found, and how sure that is."""
    usual = [detector.words for detector in detectors if detector.seasonal]
    named = ", ".join(usual[:_NAMED]) + (f" and {len(usual) - _NAMED} more" if len(usual) > _NAMED else "")
    like = f" Not counted: {named}, which differ from the reference at this time of every week, and no more than usual." if usual else ""
    return (
        f"No drift: in none of {len(detectors)} watched properties do these {images:,} images differ from the model's {reference:,} "
        f"reference images more than chance explains (a window without drift raises an alarm with a chance of at most {alpha:.1%}).{like} "
        "Nothing to do. This compares images and answers; whether the answers are right only labels can tell."
    )


def volume_text(volume: Volume | None) -> str:
    """Say how many images came, where that is not usual or none came; "" where there is nothing to tell."""
    silent = volume is not None and volume.images == 0 and volume.chance is None and any(volume.past)
    if volume is None or not (volume.unusual or silent):
        return ""
    sentence = volume.sentence()
    return f" {sentence[0].upper()}{sentence[1:]}. Look at the service and at who sends it images."


def too_little_text(*, images: int, reference: int, least: int, left_out: LeftOut) -> str:
    """Say what is missing and where it may be."""
    if min(images, reference) >= least:
        why = "no column holds enough values on both sides to be compared; see what the detectors name as not watched"
    elif reference < least:
        why = f"the model's reference window holds {reference:,} images and at least {least} are needed; train with more validation images"
    else:
        why = (
            f"the window holds {images:,} images that this model answered and at least {least} are needed; "
            "take a longer window (`lobule monitor --window 30d`) or wait for more"
        )
    left = [f" {sentence[0].upper()}{sentence[1:]}." for sentence in left_out.sentences()]
    return f"Too little data to tell: {why}.{''.join(left)}"
