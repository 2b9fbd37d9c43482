"""How well a model does on a window: measured where labels have come, estimated where not; as numbers and in words."""

from dataclasses import dataclass

from components.domain.report import Interval

_TOLD = ("accuracy", "sensitivity", "specificity", "auc")


@dataclass(frozen=True)
class Shortfall:
    """A metric that misses what the promotion policy asks: `certain` where its whole interval does; `said` has the figures."""

    metric: str
    certain: bool
    said: str


@dataclass(frozen=True)
class Performance:
    """What labels say.

    Attributes:
        images, groups: labelled ones of the window; each image is its own group where the labels name none.
        of: images of the window.
        classes: labelled images by true class.
        labelled_share: of the images of each predicted class, how many have a label.
        metrics: by name, with 95 % intervals over groups; only those that these labels allow.
        test: the same metrics in the model's test report; differences: window - test.
        shortfalls: what misses the policy.
        left_out: labels that were not used, and why.
    """

    images: int
    groups: int
    of: int
    classes: dict[str, int]
    labelled_share: dict[str, float]
    metrics: dict[str, Interval]
    test: dict[str, Interval]
    differences: dict[str, Interval]
    shortfalls: tuple[Shortfall, ...]
    left_out: tuple[str, ...] = ()

    @property
    def fallen(self) -> bool:
        """True if a metric is below the policy with its whole interval."""
        return any(each.certain for each in self.shortfalls)

    def text(self) -> str:
        """Say it in a few sentences."""
        if not self.metrics:
            return f"Labels: none of the labels is of one of these {self.of:,} images, so the real performance stays unknown."
        figures = ", ".join(
            f"{name} {_interval(each)}" + (f" (test: {self.test[name].value:.3f})" if name in self.test else "")
            for name, each in self.metrics.items()
            if name in _TOLD
        )
        groups = f" of {self.groups:,} groups" if self.groups < self.images else ""
        said = f"Labels of {self.images:,}{groups} of {self.of:,} images: {figures}."
        certain = [each.said for each in self.shortfalls if each.certain]
        open_ones = [each.said for each in self.shortfalls if not each.certain]
        if certain:
            said += f" That is below the policy: {'; '.join(certain)}."
        if open_ones:
            said += f" More labels are needed to tell: {'; '.join(open_ones)}."
        if not self.shortfalls:
            said += " The policy is met."
        shares = list(self.labelled_share.values())
        if self.images < self.of and max(shares) > 2 * min(shares):
            told = ", ".join(f"{share:.0%} of those called {name}" for name, share in self.labelled_share.items())
            said += f" Who is labelled is no random draw ({told}), which shifts sensitivity and specificity."
        return said


@dataclass(frozen=True)
class Estimate:
    """What calibrated confidence says while there are no labels (`components.monitor.estimate`).

    Attributes:
        images: of the window.
        metrics: accuracy, sensitivity, specificity with 95 % intervals.
        thresholded: accuracy by the thresholded confidence, a second opinion.
        calibration_error: expected calibration error on the test images, by which the intervals were widened.
        test_images, test_groups: on which it was calibrated.
    """

    images: int
    metrics: dict[str, Interval]
    thresholded: Interval
    calibration_error: float
    test_images: int
    test_groups: int

    def text(self) -> str:
        """Say it in two sentences."""
        figures = ", ".join(f"{name} {_interval(each)}" for name, each in self.metrics.items())
        apart = abs(self.thresholded.value - self.metrics["accuracy"].value)
        other = f"a second estimate of the accuracy is {self.thresholded.value:.3f}"
        doubt = f" The two disagree by {apart:.3f}, so believe neither before labels come." if apart > 0.1 else ""
        return (
            f"Without labels, estimated from calibrated confidence: {figures}; {other}.{doubt} This holds while a score means what it "
            f"meant on the {self.test_images:,} test images (calibration error {self.calibration_error:.3f}, within the intervals); only "
            "labels can show that it does not: `lobule monitor --labels FILE.csv`."
        )


def _interval(each: Interval) -> str:
    return f"{each.value:.3f} [{each.low:.3f}, {each.high:.3f}]"


def outcome_metrics(performance: Performance | None, estimate: Estimate | None) -> dict[str, float]:
    """Return both as metrics of a run: `labelled_<metric>`, `estimated_<metric>`, each with the ends of its interval."""
    values: dict[str, float] = {}
    if performance and performance.metrics:
        values |= {"labelled_images": float(performance.images), "labelled_below_policy": float(performance.fallen)}
    parts = {"labelled": performance.metrics if performance else {}, "estimated": estimate.metrics if estimate else {}}
    for kind, metrics in parts.items():
        for name, each in metrics.items():
            values |= {f"{kind}_{name}": each.value, f"{kind}_{name}_low": each.low, f"{kind}_{name}_high": each.high}
    return values
