"""`python -m deepsort_cli` is the `deepsort` command."""

from deepsort_cli.cli import main

if __name__ == "__main__":
    main()
