"""Speech to intent with an encoder that learned to recognise speech first."""
