"""Numbers over steps as the views take them; the arithmetic is the store's, since reports draw curves too."""

from workbench.store.series import Floats, Track, best_of, smoothed, thinned, valid

__all__ = ["Floats", "Track", "best_of", "smoothed", "thinned", "valid"]
