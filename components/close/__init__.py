"""Ends a run on a cluster in MLflow, however its tasks ended."""
