"""Contrastive pretraining of a small image-language backbone on pictures with captions."""
