"""Trains the final models, one per seed, and finishes each into a model bundle."""
