"""The steps of the training pipeline in their order; light to import, for whoever only shows progress."""

STEPS = ("ingest", "augment", "tune", "train", "evaluate", "register", "package", "serve_check", "promote", "monitor")
