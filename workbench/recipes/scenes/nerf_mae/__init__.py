"""NeRF-MAE: masked pretraining on radiance grids, then labels, boxes and finer grids from few rooms."""
