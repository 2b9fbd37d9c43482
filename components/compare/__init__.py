"""Comparison of models on the same test images: paired tests, in words, and a page that shows where they disagree."""
