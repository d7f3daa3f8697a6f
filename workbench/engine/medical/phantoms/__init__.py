"""Bodies that never lived: generated images whose truth is known to the voxel."""
