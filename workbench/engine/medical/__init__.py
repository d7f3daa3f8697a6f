"""Medical images: reading, geometry, labels, export; phantoms, segmentation, and what it is measured by."""
