"""The steps of the training pipeline in their order; light to import, for whoever only shows progress."""

STEPS = ("ingest", "augment", "tune", "train", "evaluate", "register", "promote", "package", "serve_check", "monitor")
