"""Volumes on screen: planes by anatomy, labels that can be edited, measuring; without torch or readers of files."""
