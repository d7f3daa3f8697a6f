"""A recipe that can do everything a recipe should not."""
