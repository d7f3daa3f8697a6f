"""Whole slides on screen: deep zoom over tiles that the worker reads, scores over them."""
