"""Recipes of the Medical tab."""
