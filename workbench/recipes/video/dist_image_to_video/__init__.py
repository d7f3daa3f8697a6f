"""DiST: space from a frozen image-language encoder, time from a narrow network beside it."""
