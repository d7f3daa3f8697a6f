"""Medical images: reading, geometry, labels, export."""
