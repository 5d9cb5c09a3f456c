"""What is told of a rejected row, and how it goes back."""

import pytest

from contracts.acts import Body
from kit.error_sheets import as_csv
from kit.faults import FAULTS, parse
from kit.rejected import Mending
from kit.sheets import Raw


class Named(Body):
    id: str


def test_of_a_row_with_thousands_of_faults_only_the_first_are_told() -> None:
    faults = parse(Named, Raw(1, {f"k{n}": n for n in range(5000)}))
    assert isinstance(faults, list)
    assert len(faults) == FAULTS
    assert (faults[0].column, faults[0].code) == ("id", "field-missing")


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        (914403001234567890, "914403001234567890"),
        (9.14403001234567890e17, "9.14403001234568E+17"),
        (10**400, "1" + "0" * 400),
        (12, "12"),
        (None, ""),
    ],
)
def test_a_number_goes_back_with_the_digits_that_it_has(cell: object, shown: str) -> None:
    mend = Mending([], ["a", "why"], [[cell, "x"]], [set()], 1, more=False)
    assert as_csv(mend).decode("utf-8-sig").splitlines()[1] == f"{shown},x"
