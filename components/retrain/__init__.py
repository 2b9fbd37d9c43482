"""Decides whether an alarm leads to a retraining, and claims it so that only one begins."""
