"""The `hardneg` command, and `python -m hardneg`. What it starts with `spawn` imports this module first, and so finds the same packages."""

from typing import NoReturn

from hardneg.finder import claim

claim("miner", "app")


def main() -> NoReturn:
    """Entry point of the console script."""
    from app.cli import main as command

    command()


if __name__ == "__main__":
    main()
