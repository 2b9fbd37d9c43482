"""Names that several steps must agree on: MLflow's experiment, tags and metrics."""

EXPERIMENT = "lobule"

TAG_RUN = "lobule.run"
"""Name of the pipeline run; every step finds its MLflow run by it."""
TAG_KIND = "lobule.kind"
"""`run` (one pipeline run, the unit of the leaderboard), `trial` or `seed`."""
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
TAG_COMMIT = "mlflow.source.git.commit"
TAG_DECISION = "lobule.decision"
"""JSON of the gate's decision, on the model version."""

CHAMPION = "champion"
CHALLENGER = "challenger"


def test_metric(name: str) -> str:
    """Return the MLflow name of a test metric; its interval's ends add `_low` and `_high`."""
    return f"test_{name}"
