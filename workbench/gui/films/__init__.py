"""The page of videos: a player with its timeline, labelled spans, and what a model says happens when."""
