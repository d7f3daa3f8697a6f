"""Pages beside the recipes' tabs: home, runs, models, settings."""
