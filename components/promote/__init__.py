"""Promotion: the gate between challenger and champion, and the ledger of its decisions in the model registry."""
