"""Names that several steps must agree on: MLflow's experiment, tags and metrics."""

from collections.abc import Mapping

EXPERIMENT = "lobule"

TAG_RUN = "lobule.run"
"""Name of the pipeline run; every step finds its MLflow run by it."""
TAG_JOB = "lobule.job"
"""Id of the Kubeflow Pipelines run that a run belongs to; on a cluster alone."""
TAG_FAILURE = "lobule.failure"
"""`STEP: REASON` of a run that failed."""
TAG_KIND = "lobule.kind"
"""`run` (one pipeline run, the unit of the leaderboard), `trial`, `seed`, or `monitor` (the windows of a model version)."""
TAG_RECIPE = "lobule.recipe"
TAG_TASK = "lobule.task"
TAG_SETTINGS = "lobule.settings"
"""What a user changed of the recipe, as `key=value` separated by blanks; "" if nothing."""
TAG_DATASET = "lobule.dataset"
TAG_TEST = "lobule.test"
"""Digest of the test split's rows: runs rank against each other only where it is equal."""
TAG_CERTIFICATE = "lobule.certificate"
TAG_BUNDLE = "lobule.bundle"
TAG_SIGNATURE = "lobule.signature"
TAG_LEAKING = "lobule.leaking"
"""`true` or `false`."""
TAG_ORACLE = "lobule.oracle"
"""`true` where images were cut down to lesion masks, which no user has; else `false`."""
TAG_MODEL = "lobule.model"
"""`NAME/VERSION` of the registered model that a monitor's run watches."""
TAG_MONITOR = "lobule.monitor"
"""Run with the windows of a registered version, on the version."""
TAG_WEIGHTS = "lobule.weights"
"""What a run's training began from: imagenet, none, a file or an s3:// address."""
TAG_RETRAINS = "lobule.retrains"
"""`NAME/VERSION` that a run is to replace because the monitor found it wanting; why stands in `lobule.retrains.reason`.

On the run with the windows of a version: what was done about the last alarm."""
TAG_FAILURE = "lobule.failure"
"""Why a trial raised, on its run."""
TAG_COMMIT = "mlflow.source.git.commit"
TAG_DECISION = "lobule.decision"
"""The last ledger entry about a model version, on that version."""
TAG_LEDGER = "lobule.ledger"
"""On a registered model that is a ledger and no model: the name of the model that it is of."""

CHAMPION = "champion"
CHALLENGER = "challenger"


TEST = "test/"
PATIENT = "patient_"
"""What the name of a metric of patients begins with; without it, it is of images."""


def test_metric(name: str) -> str:
    """Return the MLflow name of a test metric of the chosen model. What stands before the slash is a section of MLflow's charts."""
    return f"{TEST}{name}"


def interval_metrics(name: str) -> tuple[str, str]:
    """Return the MLflow names of the ends of a test metric's interval."""
    return f"test interval/{name}_low", f"test interval/{name}_high"


def seed_metrics(name: str) -> tuple[str, str]:
    """Return the MLflow names of a test metric's mean and standard deviation over the seeds."""
    return f"test seeds/{name}_mean", f"test seeds/{name}_std"


def corrupted_metric(kind: str, name: str) -> str:
    """Return the MLflow name of a metric of corrupted test images; its step is the severity."""
    return f"test corrupted/{kind} {name}"


def read_intervals(values: Mapping[str, float]) -> dict[str, tuple[float, float, float]]:
    """Return (value, low, high) of every test metric with an interval among a run's metrics, by name.

    Runs of version 0.1 named them `test_auc`, `test_auc_low` and `test_auc_high`; those are read as well.
    """
    found: dict[str, tuple[float, float, float]] = {}
    for start, ends in ((TEST, interval_metrics), ("test_", lambda name: (f"test_{name}_low", f"test_{name}_high"))):
        for key, value in values.items():
            name = key.removeprefix(start)
            low, high = ends(name)
            if key.startswith(start) and low in values and high in values:
                found.setdefault(name, (value, values[low], values[high]))
    return found
