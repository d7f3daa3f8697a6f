"""A small HiFi-GAN: frames to sound by a generator that learned against discriminators."""
