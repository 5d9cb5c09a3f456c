"""`python -m heli`, the same as `heli`."""

from heli.command import main

main()
