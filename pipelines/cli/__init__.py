"""The command line `lobule`: one module a command, nothing heavy imported before a command runs."""
