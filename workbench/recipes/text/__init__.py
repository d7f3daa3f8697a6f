"""Recipes of the Text tab."""
