"""SV2TTS: a speaker encoder learned by verification gives its voices to speech synthesis."""
