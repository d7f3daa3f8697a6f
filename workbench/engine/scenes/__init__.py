"""Things in space: their files read and written, processed, and radiance fields learned from photographs."""
