"""Adds to a drift verdict how well the model does: measured by labels, estimated from confidence."""

from dataclasses import dataclass, replace
from pathlib import Path

from components.domain.errors import InputError
from components.domain.predictions import Predictions, read_predictions
from components.domain.report import REPORT_FILE, Report
from components.monitor.answers import read_answers
from components.monitor.estimate import estimate_window
from components.monitor.labels import read_labels
from components.monitor.performance import Floors, measure_window
from components.monitor.verdict import DriftVerdict
from serving.contract import Card


@dataclass(frozen=True)
class Evaluated:
    """The test report of a model and its predictions on the test images."""

    report: Report
    predictions: Predictions


def read_evaluated(directory: Path) -> Evaluated | None:
    """Read an evaluation that was gathered; None where there is none.

    Raises:
        InputError: if it is damaged.
    """
    if not (directory / REPORT_FILE).is_file():
        return None
    report = Report.read(directory)
    return Evaluated(report, read_predictions(directory, report))


def with_outcome(
    verdict: DriftVerdict, log: Path, bundle: Path, *, evaluated: Evaluated | None, labels: Path | None, floors: Floors, seed: int = 0
) -> DriftVerdict:
    """Return a verdict with the performance that labels show, and the estimate that confidence allows.

    Args:
        verdict: on a window.
        log: directory of the prediction log.
        bundle: of the model that was watched.
        evaluated: what its run keeps of its evaluation; None where there is none, and then nothing is estimated.
        labels: CSV of request ids and labels; None where none have come.
        floors: of the promotion policy.
        seed: of every draw.

    Raises:
        InputError: if the labels cannot be used, or the evaluation is of another bundle.
    """
    card = Card.read(bundle)
    if evaluated is not None and evaluated.report.bundle != verdict.bundle:
        raise InputError(
            f"a test report must be of the model that is watched, but it is of {evaluated.report.bundle[:19]} and the model is "
            f"{verdict.bundle[:19]}; register the model again by `lobule run`"
        )
    given = read_labels(labels, card.classes) if labels else None
    answers = read_answers(log, verdict.bundle, card.classes, since=verdict.since, until=verdict.until)
    performance = estimate = None
    if given is not None:
        test = evaluated.report.metrics if evaluated else {}
        performance = measure_window(
            answers, given, classes=card.classes, positive=card.positive_index, test=test, floors=floors, seed=seed
        )
    if evaluated is not None and len(answers) >= 1:
        estimate = estimate_window(answers, evaluated.predictions, seed=seed)
    told = [each.text() for each in (performance, estimate if performance is None or not performance.metrics else None) if each]
    return replace(verdict, performance=performance, estimate=estimate, text=" ".join([verdict.text, *told]))
