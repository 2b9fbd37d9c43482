"""Models whose scores are given, as evaluation reports them."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from components.compare.align import Entrant
from components.domain.bootstrap import bootstrap
from components.domain.metrics import Scored, measure
from components.domain.predictions import Predictions
from components.domain.report import Report


def _entrant(
    name: str,
    labels: Sequence[int],
    scores: Sequence[float] | np.ndarray,
    *,
    ids: Sequence[str] | None = None,
    groups: Sequence[str] | None = None,
    seeds: dict[str, list[float]] | None = None,
    classes: Sequence[str] = ("benign", "malignant"),
    leaking: bool = False,
) -> Entrant:
    """Return a model of these scores: of the positive class, or of every class."""
    truth, given = np.asarray(labels, dtype=np.int64), np.asarray(scores, dtype=np.float64)
    table = np.stack([1 - given, given], axis=1) if given.ndim == 1 else given
    scored = Scored(truth, table, table.argmax(axis=1), positive=1)
    names = list(ids) if ids is not None else [f"image-{index:04}" for index in range(len(truth))]
    order = sorted(range(len(names)), key=lambda place: names[place])
    scored = Scored(truth[order], table[order], scored.predicted[order], positive=1)
    of = list(groups) if groups is not None else names
    predictions = Predictions([names[place] for place in order], [of[place] for place in order], scored)
    metrics = bootstrap(lambda weights: measure(scored, weights), predictions.groups, labels=scored.labels, draws=50).intervals
    report = Report(
        bundle=f"sha256:{name}",
        dataset="sha256:d",
        certificate="sha256:c",
        test="sha256:t",
        recipe="quickstart",
        classes=list(classes),
        positive=classes[1],
        images=len(truth),
        groups=len(set(of)),
        metrics=metrics,
        per_class={},
        seeds=seeds or {"auc": [metrics["auc"].value]},
        leaking=leaking,
    )
    return Entrant(name, report, predictions)


@pytest.fixture(scope="session")
def entrant() -> Callable[..., Entrant]:
    return _entrant


@pytest.fixture(scope="session")
def noisy() -> Callable[..., np.ndarray]:
    """Scores in (0, 1) that follow the labels as far as `signal` says."""

    def draw(labels: np.ndarray, *, signal: float, seed: int) -> np.ndarray:
        random = np.random.default_rng(seed)
        return 1 / (1 + np.exp(-(signal * (2 * labels - 1) + random.normal(size=len(labels)))))

    return draw
