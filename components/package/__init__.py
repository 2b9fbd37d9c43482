"""Builds the Bento: the service, one bundle and its pinned requirements, and nothing of the training side."""
