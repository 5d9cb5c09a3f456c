"""Policy at the boundary: what a service goes by is readable, and an operator adds to it."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from tests.contract.test_clue_dispatch import BY_HAND, LEAD, call
from tests.contract.test_timers import MONDAY, last, on

from clue_dispatch.app import service
from kit import policy
from kit.policy import PolicyWrong
from kit.testing import Serve, covers

MORE = """
approval = "示例省人民政府办公厅 2026-01-20 批准"

[[clue.sign]]
unit = "working_day"
count = 2
from = 2026-03-01
basis = "示例省线索办理规定第八条（示例）"
"""


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "policy.toml"
    path.write_text(MORE, "utf-8")
    yield path
    policy.use(service.package, None)


@covers("RX.5")
async def test_an_operators_row_is_shown_with_its_approval_and_new_terms_follow_it(
    serve: Serve, own: Path
) -> None:
    async with on(serve, MONDAY, policy=own) as run:
        id_ = (await call(run, LEAD, "/clues", BY_HAND, 201))["id"]
        await call(run, LEAD, f"/clues/{id_}:dispatch", {})
        assert last((await call(run, LEAD, f"/clues/{id_}"))["sign_due"]) == date(2026, 3, 4)
        (now,) = (await call(run, LEAD, "/policies?key=clue.sign&on=2026-03-02"))["items"]
        assert (now["values"]["count"], now["shipped"]) == (2, False)
        assert now["approval"] == "示例省人民政府办公厅 2026-01-20 批准"
        (before,) = (await call(run, LEAD, "/policies?key=clue.sign&on=2026-02-27"))["items"]
        assert (before["values"]["count"], before["to"], before["shipped"]) == (
            1,
            "2026-03-01",
            True,
        )
        of_clues = (await call(run, LEAD, "/policies?key=clue"))["items"]
        assert {one["key"].split(".")[0] for one in of_clues} == {"clue"}
        assert len((await call(run, LEAD, "/policies"))["items"]) > len(of_clues)
        no = await call(run, LEAD, "/policies?on=tomorrow", expect=422)
        assert no["code"] == "invalid"


@pytest.fixture
def wrong(own: Path) -> Path:
    own.write_text(MORE.replace("basis", "bases"), "utf-8")
    return own


async def test_a_service_does_not_start_with_a_policy_file_that_is_wrong(
    serve: Serve, wrong: Path
) -> None:
    with pytest.raises(PolicyWrong, match=r"clue\.sign: basis is None"):
        async with serve(service, policy=wrong):
            pytest.fail("it started")
