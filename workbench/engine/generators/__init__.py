"""Small data sets that are made, not collected: for tests, claims and first clicks; always labelled generated."""
