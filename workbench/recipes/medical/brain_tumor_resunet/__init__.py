"""Brain tumour segmentation with a pretrained encoder, ASPP and channel attention (arXiv 2501.11196)."""
