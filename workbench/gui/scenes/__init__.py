"""The 3D page: one scene of points, meshes, volumes, radiance fields, cameras and boxes, drawn by one canvas."""
