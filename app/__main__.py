"""`python -m app` is `feature-api`."""

from app.cli import main

main()
