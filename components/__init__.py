"""The steps of the pipeline, one folder each: plain functions, and `component.py` that wraps them for Kubeflow Pipelines."""
