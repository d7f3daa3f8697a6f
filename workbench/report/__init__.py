"""Runs taken away: gathered from their folders, held against each other, written as files others can read.

Window and command line share it. It knows runs and declarations, no widgets; matplotlib, Jinja and Qt's
text layout are imported by the formats that need them, when they are asked for.
"""
