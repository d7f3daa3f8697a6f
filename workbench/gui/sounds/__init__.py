"""Seeing and hearing sound: waveform, spectrogram, tiers, player, microphone."""
