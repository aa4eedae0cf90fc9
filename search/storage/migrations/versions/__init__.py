"""One module a change of our tables, in order."""
