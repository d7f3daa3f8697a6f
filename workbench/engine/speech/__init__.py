"""Sound in and out: files, features, spectrograms, tiers, corpora, and synthetic speakers."""
