"""What every part agrees on: parameters, recipes, claims, events, job states, problems, settings.

Imports the standard library and msgspec only, so the window and the command line start at once.
"""
