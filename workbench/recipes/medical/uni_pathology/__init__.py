"""Histology tiles learned without labels, then told apart from few examples, and whole slides judged by attention."""
