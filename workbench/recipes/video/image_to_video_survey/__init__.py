"""Image-to-video transfer: one backbone, many strategies (survey of 2025)."""
