"""How the supervisor starts again what died."""

from heli.supervisor import pause


def test_the_first_restart_comes_at_once_and_later_ones_wait_longer() -> None:
    waits = [pause(deaths) for deaths in range(1, 12)]
    assert waits[0] < 0.5
    assert waits == sorted(waits)
    assert waits[-1] == 30.0
