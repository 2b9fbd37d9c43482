"""Gathers what the monitor judges: the champion, its evaluation, and a window of the prediction log."""
