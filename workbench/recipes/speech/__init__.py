"""Recipes of the Speech tab."""
