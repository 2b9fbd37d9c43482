"""Serves the built Bento for a moment and checks that it answers as the evaluation did."""
