"""A small network that refines a label by clicks, how it is trained, and a simulated person who clicks."""
