"""A small real training run, through the training loop that every recipe uses."""
