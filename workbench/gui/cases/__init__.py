"""The Medical tab's own page: open a case, look at it, correct its labels, take them away."""
