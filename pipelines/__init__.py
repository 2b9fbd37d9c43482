"""Which step follows which, and the command line: wiring only."""
