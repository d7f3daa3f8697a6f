"""Moving pictures in: files decoded in a process of their own, and their frames by number."""
