"""Evaluation: every seed's bundle on the untouched test split, through the predictor that serves it."""
