"""``python -m wayvo``."""

from wayvo.cli.main import main

main()
