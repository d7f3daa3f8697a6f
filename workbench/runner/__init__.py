"""The client's side of the worker: start it, attach to it, ask it, watch it. Knows no Qt."""
