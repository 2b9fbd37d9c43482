"""Registers the chosen bundle as a model version in MLflow, as the challenger."""
