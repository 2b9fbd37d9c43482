"""Our detectors as metrics of Evidently, each with a test that fails where drift was found. Importing it takes seconds.

`JointDrift` is the verdict of all detectors together, `EmbeddingDrift` that of the embedding, for which Evidently would run a t-SNE.
The values were computed before (`components.monitor.battery`); a metric carries them and shows them.
"""

from evidently.core.datasets import Dataset
from evidently.core.metric_types import BoundTest, SingleValue, SingleValueCalculation, SingleValueMetric
from evidently.core.report import Context
from evidently.legacy.renderers.html_widgets import CounterData, counter
from evidently.tests import gt

from components.monitor.verdict import Detector


class JointDrift(SingleValueMetric):
    """Smallest corrected p-value of all detectors; its test fails where it is at most alpha."""

    p_value: float
    alpha: float
    drifted: int
    watched: int

    def _default_tests(self, context: Context) -> list[BoundTest]:
        return [gt(self.alpha).bind_single(self.get_fingerprint())]


class JointDriftCalculation(SingleValueCalculation[JointDrift]):
    """Shows what `JointDrift` carries."""

    def calculate(self, context: Context, current_data: Dataset, reference_data: Dataset | None) -> tuple[SingleValue, None]:
        """Return the p-value with a row of counters."""
        metric = self.metric
        result = self.result(metric.p_value)
        result.widget = [
            counter(
                title="All detectors together",
                counters=[
                    CounterData("drifted", f"{metric.drifted} of {metric.watched}"),
                    CounterData("chance if nothing has drifted", f"{metric.p_value:.2g}"),
                    CounterData("alarm at", f"{metric.alpha:g}"),
                ],
            )
        ]
        return result, None

    def display_name(self) -> str:
        """Name the metric."""
        return "Drift of all detectors together: corrected p-value"


class EmbeddingDrift(SingleValueMetric):
    """Corrected p-value of the embedding; its test fails where it is at most alpha."""

    p_value: float
    alpha: float
    effect: float

    def _default_tests(self, context: Context) -> list[BoundTest]:
        return [gt(self.alpha).bind_single(self.get_fingerprint())]


class EmbeddingDriftCalculation(SingleValueCalculation[EmbeddingDrift]):
    """Shows what `EmbeddingDrift` carries."""

    def calculate(self, context: Context, current_data: Dataset, reference_data: Dataset | None) -> tuple[SingleValue, None]:
        """Return the p-value with a row of counters."""
        metric = self.metric
        result = self.result(metric.p_value)
        counters = [CounterData("corrected p-value", f"{metric.p_value:.2g}"), CounterData("effect, 0 to 1", f"{metric.effect:.2f}")]
        result.widget = [counter(title="Embedding of the model", counters=counters)]
        return result, None

    def display_name(self) -> str:
        """Name the metric."""
        return "Drift of the embedding: corrected p-value"


def detector_metrics(detectors: tuple[Detector, ...], alpha: float) -> list[SingleValueMetric]:
    """Return the metrics that stand for all detectors and for the embedding, if it was watched."""
    drifted = sum(detector.drifted for detector in detectors)
    smallest = min(detector.corrected for detector in detectors)
    metrics: list[SingleValueMetric] = [JointDrift(p_value=smallest, alpha=alpha, drifted=drifted, watched=len(detectors))]
    metrics += [EmbeddingDrift(p_value=each.corrected, alpha=alpha, effect=each.effect) for each in detectors if each.kind == "embedding"]
    return metrics
