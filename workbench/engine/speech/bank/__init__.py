"""A bank of synthetic speakers: as many voices, sentences and rooms as wanted, with exact times of every phone."""
