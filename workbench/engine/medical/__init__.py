"""Medical images: phantoms, segmentation, and what they are measured by."""
