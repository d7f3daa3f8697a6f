"""How far a motion that was learned from some of its variants is recognised in variants that were never seen."""
