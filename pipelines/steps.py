"""The steps of the pipelines in their order; light to import, for whoever only shows progress."""

STEPS = ("ingest", "augment", "tune", "train", "evaluate", "register", "package", "serve_check", "promote", "monitor")

CLUSTER = ("ingest_version", "close")
"""What stands before and behind them on a cluster."""

MONITORING = ("gather", "monitor", "retrain", "settle")
"""Those of the monitoring pipeline; between the last two stand all of `STEPS` where the verdict asks for a challenger."""
