"""SpeechT5: one encoder-decoder for speech and text, six tasks."""
