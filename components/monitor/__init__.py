"""Compares what the service has seen with what its model was made for: our detectors decide, Evidently shows."""
