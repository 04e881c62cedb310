"""`python -m leadd` is the command `leadd`."""

from leadd.cli.main import main

if __name__ == "__main__":
    main()
