"""Recipes as a third party would write them, for the tests of worker and runner."""
