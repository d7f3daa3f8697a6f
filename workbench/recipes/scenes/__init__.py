"""Recipes of the 3D tab."""
