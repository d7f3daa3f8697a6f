"""Runs held against each other in the window: their list, curves, tables and artifacts."""
