"""Writes how a retraining ended where every client of the registry sees it."""
