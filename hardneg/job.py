"""python -m hardneg.job: the process in which a service's jobs run. See app.jobs.child."""

from hardneg.finder import claim

claim("miner", "app")


def main() -> None:
    """Work until stdin ends."""
    from app.jobs.child import main as work

    work()


if __name__ == "__main__":
    main()
