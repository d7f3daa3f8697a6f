"""Text data: readers, samples, previews, reports and attributions shared by the text recipes."""
