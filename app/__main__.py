"""`python -m app` is `feature-api`."""

from app.cli.main import main

main()
