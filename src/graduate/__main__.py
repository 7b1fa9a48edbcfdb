"""`python -m graduate` is `graduate`."""

from graduate.cli import main

main()
