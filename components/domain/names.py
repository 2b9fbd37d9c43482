"""Names that several steps must agree on: MLflow's experiment, tags and metrics."""

EXPERIMENT = "lobule"

TAG_RUN = "lobule.run"
"""Name of the pipeline run; every step finds its MLflow run by it."""
TAG_KIND = "lobule.kind"
"""`run` (one pipeline run, the unit of the leaderboard), `trial`, `seed`, or `monitor` (the windows of a model version)."""
TAG_RECIPE = "lobule.recipe"
TAG_TASK = "lobule.task"
TAG_DATASET = "lobule.dataset"
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
TAG_COMMIT = "mlflow.source.git.commit"
TAG_DECISION = "lobule.decision"
"""The last ledger entry about a model version, on that version."""
TAG_LEDGER = "lobule.ledger"
"""On a registered model that is a ledger and no model: the name of the model that it is of."""

CHAMPION = "champion"
CHALLENGER = "challenger"


def test_metric(name: str) -> str:
    """Return the MLflow name of a test metric; its interval's ends add `_low` and `_high`."""
    return f"test_{name}"
