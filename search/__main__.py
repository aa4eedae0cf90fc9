"""`python -m search` is the command `regsearch`."""

from search.cli import main

main()
