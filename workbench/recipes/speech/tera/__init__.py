"""Self-supervised pretraining by restoring spectrograms that are altered along time, frequency and magnitude."""
