"""The one-file verifier against draws made by the service's own rules, and against tampering."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from random import Random  # noqa: TID251 - worlds are made from a seed that hypothesis chooses
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from contracts.item_registry import DepartmentId, RegionId
from heli import draw_verifier
from heli.draw_verifier import NotChecked, Place, Wrong, main, verify
from joint_inspection.draw.domain import handles as hd
from joint_inspection.draw.domain import lists, rounds
from joint_inspection.draw.domain.handles import Digest, digest
from joint_inspection.draw.domain.lists import Inspector
from joint_inspection.draw.domain.parties import Reveal, commitment
from joint_inspection.draw.domain.plan import Allocation, Department, Plan, plan_digest, to_bytes
from joint_inspection.draw.domain.result import carry_out, file_to_bytes, result_to_bytes
from joint_inspection.draw.domain.rounds import DrawId
from kit.testing import covers

NOW = datetime(2026, 3, 3, 8, tzinfo=UTC)
COMMERCE, FIRE, JUSTICE = DepartmentId("commerce"), DepartmentId("fire"), DepartmentId("justice")

Json = dict[str, Any]  # Any: the file as parsed, altered at will


@dataclass
class World:
    """A random pool, staff and wishes; everything follows from one number."""

    by: Random
    texts: dict[Digest, str]

    def keep(self, text: str) -> Digest:
        self.texts[digest(text)] = text
        return digest(text)

    def staff(self, key: bytes, line: str) -> tuple[Digest, list[hd.Handle]]:
        ids = [f"{line}-{at}" for at in range(self.by.randint(0, 8))]
        found = hd.inspector_handles(key, ids)
        rows = [
            Inspector(each, self.by.randint(0, 5), self.by.choice(["any", "any", "any", "none"]))
            for each in found.values()
        ]
        return self.keep(lists.write_inspectors(rows)), list(found.values())

    def strata(self, targets: list[hd.Handle]) -> tuple[Allocation, ...]:
        cuts = sorted(self.by.sample(range(1, len(targets)), min(2, len(targets) - 1)))
        allocations = []
        for at, (start, end) in enumerate(zip([0, *cuts], [*cuts, len(targets)], strict=True)):
            top = self.by.choice([1, 3, 1_000_000])
            weights: dict[int, list[hd.Handle]] = {}
            for each in targets[start:end]:
                weights.setdefault(self.by.randint(1, top), []).append(each)
            n = self.by.randint(1, end - start)
            reserve = self.by.randint(0, end - start - n)
            kept = self.keep(lists.write_weighted(weights))
            allocations.append(Allocation(f"s{at}", n=n, reserve=reserve, list=kept))
        return tuple(allocations)


def made(number: int) -> bytes:
    """Make a whole random draw and give its file."""
    by = Random(number)
    world = World(by, {})
    key = by.randbytes(32)
    pool = list(hd.target_handles(key, [f"t{at}" for at in range(by.randint(1, 40))]).values())
    out = by.sample(pool, by.randint(0, len(pool) - 1))
    drawn_from = [each for each in pool if each not in out]
    of_commerce, people = world.staff(key, "commerce")
    of_fire, firemen = world.staff(key, "fire")
    pairs = [(target, who) for target in pool for who in people + firemen if by.random() < 0.1]
    empty = world.keep("")
    commerce = Department(
        department=COMMERCE,
        seats=by.randint(1, 3),
        qualification="any",
        left_out=world.keep(lists.write_left_out({"exempt": out})),
        inspectors=of_commerce,
        joins=None,
        allocations=world.strata(drawn_from),
    )
    fire = Department(
        department=FIRE,
        seats=by.randint(1, 3),
        qualification="any",
        left_out=empty,
        inspectors=of_fire,
        joins=world.keep(lists.write_handles(by.sample(pool, by.randint(0, len(pool))))),
        allocations=(),
    )
    plan = Plan(
        series="oil",
        draw="d1",
        previous=None,
        directory="v1",
        pool=world.keep(lists.write_handles(pool)),
        pool_key=hd.pool_key_digest(key),
        departments=(commerce, fire),
        recused=world.keep(lists.write_recused(pairs)),
        parties=(COMMERCE, JUSTICE),
        reveal_by=NOW + timedelta(days=1),
    )
    secrets = [Reveal(each, by.randbytes(16), by.randbytes(32)) for each in plan.parties]
    return carried_out(plan, world.texts, secrets)


def carried_out(plan: Plan, texts: dict[Digest, str], secrets: list[Reveal]) -> bytes:
    """Take a plan through all rounds by the service's own rules."""
    draft = rounds.draft(
        id_=DrawId(plan.draw), series=plan.series, department=COMMERCE, region=RegionId("330000")
    ).value
    draw = rounds.freeze(draft, plan, texts, by=COMMERCE, last=None, at=NOW).value
    for each in secrets:
        promise = commitment(plan_digest(plan), each)
        draw = rounds.commit(draw, party=each.party, digest=promise, at=NOW).value
    for each in secrets:
        draw = rounds.reveal(draw, each, at=NOW).value
    result = carry_out(plan, texts, rounds.seed_of(draw))
    return file_to_bytes(
        to_bytes(plan),
        texts,
        commitments=draw.commitments,
        reveals=draw.reveals,
        result=result_to_bytes(result),
    )


@cache
def whole() -> bytes:
    return made(number=2026)


def altered(*path: str | int, value: Callable[[Any], Any]) -> Json:
    """Change one thing in the file, found by its path."""
    file: Json = deepcopy(json.loads(whole()))
    at: Any = file
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value(at[path[-1]])
    return file


def flip(text: str) -> str:
    """Change one hexadecimal digit."""
    return text[:-1] + ("0" if text[-1] != "0" else "1")


def part_of(file: Json) -> str:
    with pytest.raises(Wrong) as no:
        verify(file)
    return no.value.part


@covers("R9.3", "R9.5")
@settings(max_examples=400, deadline=None)
@given(st.integers(0, 2**32))
def test_the_verifier_comes_to_the_same_draw_as_the_service(number: int) -> None:
    file = json.loads(made(number))
    found = verify(file)
    assert found["plan_digest"] == digest(to_plan_bytes(file))
    assert found["counts"]["drawn"] == sum(len(e["taken"]) for e in file["result"]["allocations"])


def to_plan_bytes(file: Json) -> bytes:
    return json.dumps(file["plan"], sort_keys=True, separators=(",", ":")).encode()


PLAN_CHANGES: list[tuple[tuple[str | int, ...], Callable[[Any], Any]]] = [
    (("plan", "departments", 0, "allocations", 0, "n"), lambda n: n + 1),
    (("plan", "departments", 0, "allocations", 0, "n"), lambda n: n + 10**6),
    (("plan", "departments", 0, "seats"), lambda n: n + 1),
    (("plan", "departments", 0, "allocations", 0, "stratum"), lambda _: "r0"),
    (("plan", "departments", 1, "joins"), flip),
    (("plan", "departments", 1, "inspectors"), flip),
    (("plan", "pool"), flip),
    (("plan", "pool_key"), flip),
    (("plan", "series"), lambda _: "oim"),
    (("plan", "draw"), lambda _: "d2"),
    (("plan", "previous"), lambda _: "0" * 64),
    (("plan", "parties", 1), lambda _: "justicf"),
    (("plan", "reveal_by"), lambda text: text.replace("2026", "2027")),
    (("plan", "reveal_by"), lambda text: text.replace("Z", "z")),
]


@pytest.mark.parametrize(("path", "value"), PLAN_CHANGES)
def test_one_byte_changed_in_the_plan_names_the_plan(
    path: tuple[str | int, ...], value: Callable[[Any], Any]
) -> None:
    assert part_of(altered(*path, value=value)) == "plan"


def test_one_byte_changed_in_any_list_names_that_list() -> None:
    for name, text in json.loads(whole())["lists"].items():
        if text:
            file = altered("lists", name, value=lambda text: flip(text[:64]) + text[64:])
            assert part_of(file) == f"list {name}"
        file = altered("lists", name, value=lambda text: text + "\n")
        assert part_of(file) == f"list {name}"


def test_a_list_that_is_gone_or_one_too_many_is_named() -> None:
    file = json.loads(whole())
    pool = file["plan"]["pool"]
    extra = {**file["lists"], digest("0"): "0"}
    assert part_of({**file, "lists": extra}) == f"list {digest('0')}"
    del file["lists"][pool]
    assert part_of(file) == f"list {pool}"


@pytest.mark.parametrize("at", [0, 1])
def test_one_byte_changed_in_a_commitment_names_that_commitment(at: int) -> None:
    party = ("commerce", "justice")[at]
    for change in (flip, lambda text: "x" + text[1:], str.upper):
        file = altered("commitments", at, "digest", value=change)
        assert part_of(file) == f"commitment {party}"
    file = altered("commitments", at, "at", value=lambda text: text.replace("2026", "2027"))
    assert part_of(file) == f"commitment {party}"
    assert part_of(altered("commitments", at, "party", value=lambda _: "f")) == "commitment f"


@pytest.mark.parametrize("at", [0, 1])
def test_one_byte_changed_in_a_reveal_names_that_reveal(at: int) -> None:
    party = ("commerce", "justice")[at]
    assert part_of(altered("reveals", at, "secret", value=flip)) == f"reveal {party}"
    assert part_of(altered("reveals", at, "salt", value=lambda _: "x" * 32)) == f"reveal {party}"
    assert part_of(altered("reveals", at, "party", value=lambda _: "f")) == "reveal f"


def test_a_changed_salt_cannot_be_told_from_a_changed_commitment_so_both_are_named() -> None:
    with pytest.raises(Wrong) as no:
        verify(altered("reveals", 1, "salt", value=flip))
    assert no.value.part == "commitment justice"
    assert "reveal justice" in no.value.zh
    assert "reveal justice" in no.value.en


def test_a_changed_result_names_the_entry() -> None:
    first = json.loads(whole())["result"]["allocations"][0]
    where = f"{first['department']} {first['stratum']}"
    file = altered("result", "allocations", 0, "taken", 0, value=flip)
    assert part_of(file) == f"result allocations {where}"
    file = altered("result", "allocations", 0, "taken", value=lambda taken: taken[::-1] or ["x"])
    if len(first["taken"]) > 1:
        assert part_of(file) == f"result allocations {where}"
    target = json.loads(whole())["result"]["inspectors"][0]["target"]
    file = altered("result", "inspectors", 0, "inspectors", value=lambda _: ["0" * 64])
    assert part_of(file) == f"result inspectors commerce {target}"
    file = altered("result", "inspectors", 0, "target", value=flip)
    assert part_of(file) == f"result inspectors commerce {target}"
    file = altered("result", "empty", value=lambda empty: [*empty, {"department": "x"}])
    assert part_of(file) == "result empty"


def section_of(at: int) -> str | None:
    """Give the part of the file that a character stands in; None in the names between them."""
    raw = whole().decode()
    for name, part in (
        ("commitments", "commitment"),
        ("lists", "list"),
        ("plan", "plan"),
        ("result", "result"),
        ("reveals", "reveal"),
    ):
        start = raw.index(f'"{name}":') + len(name) + 3
        following = [
            raw.find(f',"{each}":', start) for each in ("lists", "plan", "result", "reveals")
        ]
        if start <= at < min((end for end in following if end > 0), default=len(raw) - 1):
            return part
    return None


@settings(max_examples=600, deadline=None)
@given(st.data())
def test_a_single_character_changed_anywhere_is_noticed_and_its_part_named(
    data: st.DataObject,
) -> None:
    raw = whole().decode()
    at = data.draw(st.integers(0, len(raw) - 1))
    sign = data.draw(st.sampled_from('0123456789abcdefzZ-_ ,:"\\{}[]\t'))
    # When a commitment arrived is told beside it; its digest does not cover that.
    times = [found.span(1) for found in re.finditer(r'"at":"([^"]*)"', raw)]
    assume(not any(start <= at < end for start, end in times))
    try:
        file = draw_verifier.parsed((raw[:at] + sign + raw[at + 1 :]).encode())
    except ValueError:
        return
    if file == json.loads(raw):
        verify(file)
        return
    with pytest.raises(Wrong) as no:
        verify(file)
    # A changed salt is told as the commitment that it does not open, and named beside it.
    assert (section_of(at) or "") in f"{no.value.part}: {no.value.en}"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("version", "heli-draw-2"),
        ("hash", "sm3"),
        ("mode", "coordinated"),
        ("mode", "external"),
        ("stand_ins", ["fire"]),
        ("beacon", {"source": "drand", "round": "1", "after": "2026-03-03T08:00:00Z"}),
        ("colour", "red"),
    ],
)
def test_what_the_verifier_does_not_know_it_refuses_by_name(name: str, value: object) -> None:
    file = json.loads(whole())
    file["plan"][name] = value
    with pytest.raises(NotChecked) as no:
        verify(file)
    assert no.value.part == "plan"
    assert name in no.value.en
    if isinstance(value, str) and name != "colour":
        assert value in no.value.en


@pytest.mark.parametrize("part", ["commitments", "reveals", "result"])
def test_a_draw_that_is_not_finished_is_not_called_honest(part: str) -> None:
    file = {**json.loads(whole()), "reveals": [], "result": None}
    if part == "commitments":
        file["commitments"] = []
    if part == "result":
        file["reveals"] = json.loads(whole())["reveals"]
    with pytest.raises(NotChecked):
        verify(file)


def test_a_missing_reveal_under_a_finished_result_is_wrong() -> None:
    assert part_of(altered("reveals", value=lambda reveals: reveals[1:])) == "reveal commerce"


def test_one_party_alone_is_not_a_draw() -> None:
    file = altered("plan", "parties", value=lambda _: ["justice"])
    assert part_of(file) == "plan"
    assert part_of(altered("plan", "parties", value=lambda _: ["commerce", "fire"])) == "plan"


def test_a_plan_other_than_the_published_one_is_noticed() -> None:
    with pytest.raises(Wrong) as no:
        verify(json.loads(whole()), published="0" * 64)
    assert no.value.part == "plan"


def test_equal_places_are_ordered_exactly_and_then_by_handle() -> None:
    third = 2**256 // 4  # K / (2²⁵⁶ - K) = 1/3
    assert Place("a", third, 1, 1, 10) < Place("b", third, 1, 1, 10)
    assert not Place("b", third, 1, 1, 10) < Place("a", third, 1, 1, 10)
    near, far = Place("b", third, 1, 1, 10), Place("a", third + 1, 1, 1, 10)
    assert near.near == far.near
    assert near < far


def test_it_runs_alone_as_one_file_and_speaks_both_languages(tmp_path: Path) -> None:
    file = tmp_path / "draw.json"
    file.write_bytes(whole())
    script = tmp_path / "draw_verifier.py"
    script.write_bytes(Path(draw_verifier.__file__).read_bytes())
    run = subprocess.run(
        [sys.executable, "-I", str(script), str(file)],
        capture_output=True,
        check=False,
        cwd=tmp_path,
        env={"LANG": "C"},
    )
    said = run.stdout.decode()
    assert run.returncode == 0, said + run.stderr.decode()
    assert said.index("核验通过") < said.index("VERIFIED")
    assert "k silent parties could have rejected up to k results" in said
    assert "if one operator held all secrets" in said


def test_a_folder_with_the_lists_beside_it_is_read_the_same(tmp_path: Path) -> None:
    file = json.loads(whole())
    for name, text in file.pop("lists").items():
        (tmp_path / f"{name}.txt").write_bytes(text.encode())
    (tmp_path / "draw.json").write_text(json.dumps(file), encoding="utf-8")
    assert main([str(tmp_path)]) == 0


@pytest.mark.parametrize("lost", ["plan", "commitments", "result", "beacon"])
def test_a_file_without_one_of_its_parts_is_not_accepted(lost: str) -> None:
    file = json.loads(whole())
    del file[lost]
    with pytest.raises(Wrong):
        verify(file)


@pytest.mark.parametrize(
    "raw", [b"", b"x", b"[]", b'{"plan":{},"plan":{}}', b'{"plan":1.5}', b"\xff", b"[" * 99999]
)
def test_what_cannot_be_read_is_said_so(
    raw: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "draw.json"
    file.write_bytes(raw)
    assert main([str(file), "--json"]) == 2
    said = json.loads(capsys.readouterr().out)
    assert said["ok"] is False
    assert said["part"] == "file"


def test_a_file_that_is_not_there_or_no_draws_file_is_said_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing, workbook = tmp_path / "nofile", tmp_path / "draw.xlsx"
    workbook.write_bytes(b"PK\x03\x04\x14\x00\xff\xfe")
    assert main([str(missing)]) == 2
    assert f"no such file: {missing}" in capsys.readouterr().out
    assert main([str(workbook)]) == 2
    assert f"this is not a draw's file (JSON): {workbook}" in capsys.readouterr().out


def test_json_names_the_wrong_part_and_the_exit_is_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "draw.json"
    file.write_text(json.dumps(altered("reveals", 0, "secret", value=flip)), encoding="utf-8")
    assert main([str(file), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["part"] == "reveal commerce"
    assert main([str(file)]) == 1
    assert capsys.readouterr().out.startswith("不成立：reveal commerce")
