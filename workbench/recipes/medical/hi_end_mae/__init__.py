"""Masked autoencoding whose decoder asks every depth of the encoder, then segmentation from few labels."""
