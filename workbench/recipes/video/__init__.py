"""Recipes of the Video tab."""
