"""One pretrained encoder fine-tuned for four kinds of language understanding (arXiv 2401.17396)."""
