"""python -m app.cli is `hardneg`."""

from app.cli.verbs import main

main()
