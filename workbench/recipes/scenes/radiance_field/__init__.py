"""Voxel and hash radiance fields, learned from posed photographs."""
