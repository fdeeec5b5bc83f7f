"""`python -m pounce`: the same as the console script `pounce`."""

from pounce.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
