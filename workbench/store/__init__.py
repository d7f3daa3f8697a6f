"""Run folders, their event files, the index over them, and where everything lives on disk."""
