"""Names that several steps must agree on: MLflow's experiment, tags and metrics."""

from collections.abc import Mapping

EXPERIMENT = "lobule"

TAG_RUN = "lobule.run"
"""Name of the pipeline run; every step finds its MLflow run by it."""
TAG_KIND = "lobule.kind"
"""`run` (one pipeline run, the unit of the leaderboard), `trial` or `seed`."""
TAG_RECIPE = "lobule.recipe"
TAG_TASK = "lobule.task"
TAG_SETTINGS = "lobule.settings"
"""What a user changed of the recipe, as `key=value` separated by blanks; "" if nothing."""
TAG_DATASET = "lobule.dataset"
TAG_TEST = "lobule.test"
"""Digest of the test split's rows: runs rank against each other only where it is equal."""
TAG_CERTIFICATE = "lobule.certificate"
TAG_BUNDLE = "lobule.bundle"
TAG_LEAKING = "lobule.leaking"
"""`true` or `false`."""
TAG_ORACLE = "lobule.oracle"
"""`true` where images were cut down to lesion masks, which no user has; else `false`."""
TAG_COMMIT = "mlflow.source.git.commit"
TAG_DECISION = "lobule.decision"
"""The last ledger entry about a model version, on that version."""
TAG_LEDGER = "lobule.ledger"
"""On a registered model that is a ledger and no model: the name of the model that it is of."""

CHAMPION = "champion"
CHALLENGER = "challenger"


def test_metric(name: str) -> str:
    """Return the MLflow name of a test metric of the chosen model."""
    return f"test_{name}"


def interval_metrics(name: str) -> tuple[str, str]:
    """Return the MLflow names of the ends of a test metric's interval: a section of their own on MLflow's pages."""
    return f"interval/test_{name}_low", f"interval/test_{name}_high"


def interval_found(values: Mapping[str, float], name: str) -> tuple[float, float] | None:
    """Return the ends of a test metric's interval among a run's metrics, None if they are not there.

    Runs of version 0.1 keep them beside the metric, as `test_auc_low`; those are read as well.
    """
    old = (f"{test_metric(name)}_low", f"{test_metric(name)}_high")
    keys = next((keys for keys in (interval_metrics(name), old) if set(keys) <= set(values)), None)
    return (values[keys[0]], values[keys[1]]) if keys else None


def seed_metrics(name: str) -> tuple[str, str]:
    """Return the MLflow names of a test metric's mean and standard deviation over the seeds."""
    return f"seeds/test_{name}_mean", f"seeds/test_{name}_std"
