"""Adversarial transfer learning for punctuation restoration (arXiv 2004.00248)."""
