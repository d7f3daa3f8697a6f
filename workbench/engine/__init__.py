"""The torch side, shared by recipes: backbones, data, the training loop, metrics, and readers of each modality."""
