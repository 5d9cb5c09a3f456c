"""What a released version wrote can still be read: its steps stand, and later ones only add."""

import ast
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from kit import revisions

ROOT = Path(__file__).parents[2]
RECORDED = ROOT / "tests" / "recorded"
STEPS = sorted(ROOT.glob("*/src/*/migrations/*.py"))
# Code of the version before goes on reading and writing while a step is already done.
ADDS = {"create_table", "add_column", "create_index", "execute"}


def released() -> dict[str, str]:
    """Give the digest of every step that a version was released with, by path."""
    found: dict[str, str] = {}
    for file in sorted(RECORDED.glob("*/migrations.json")):
        found |= json.loads(file.read_text("utf-8"))
    return found


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield ast.unparse(node.func), node


def keywords(call: ast.Call) -> dict[str, str]:
    return {one.arg or "": ast.unparse(one.value) for one in call.keywords}


def breaks(step: str) -> list[str]:
    """Name what of a step an older version, or rows that stand, would stumble over."""
    tree = ast.parse(step)
    made = {
        ast.literal_eval(call.args[0]) for name, call in calls(tree) if name == "op.create_table"
    }
    wrong = []
    for name, call in calls(tree):
        scope, _, verb = name.rpartition(".")
        if scope != "op" or verb == "f":
            continue
        given = keywords(call)
        if verb not in ADDS:
            wrong.append(f"{verb}: only what is added keeps an older version running")
        if verb == "add_column":
            column = keywords(call.args[1]) if isinstance(call.args[1], ast.Call) else {}
            if column.get("nullable") == "False" and "server_default" not in column:
                wrong.append(f"{ast.unparse(call.args[1])}: rows and older code leave it out")
        if verb == "create_index" and given.get("unique") == "True":
            table = ast.literal_eval(call.args[1])
            if table not in made:
                wrong.append(f"unique index on {table}: rows that stand may be twice")
    return wrong


@pytest.mark.parametrize("path", sorted(released()))
def test_a_released_step_is_as_it_was(path: str) -> None:
    digest = hashlib.sha256((ROOT / path).read_bytes()).hexdigest()
    assert released()[path] == f"sha256:{digest}", "add a step: make migration"


def test_a_step_only_adds() -> None:
    wrong = {path.name: breaks(path.read_text("utf-8")) for path in STEPS}
    assert not any(wrong.values()), wrong


@pytest.mark.parametrize(
    "planted",
    [
        "op.drop_column('clue', 'place')",
        "op.drop_table('clue')",
        "op.alter_column('clue', 'place', nullable=False)",
        "op.add_column('clue', sa.Column('tone', sa.Text(), nullable=False))",
        "op.create_index('clue_place', 'clue', ['place'], unique=True)",
        "op.create_check_constraint('tone', 'clue', 'tone > 0')",
    ],
)
def test_a_planted_step_that_breaks_is_found(planted: str) -> None:
    assert len(breaks(planted)) == 1


def test_what_adds_is_let_through() -> None:
    assert breaks("op.add_column('clue', sa.Column('tone', sa.Text(), nullable=True))") == []
    assert breaks("op.create_table('a'); op.create_index('b', 'a', ['c'], unique=True)") == []


def test_steps_of_a_service_are_numbered_without_a_gap() -> None:
    for folder in {step.parent for step in STEPS}:
        names = sorted(one.name[:4] for one in folder.glob("*.py"))
        assert names == [f"{number:04}" for number in range(1, len(names) + 1)], folder


@pytest.mark.parametrize(
    ("found", "needed", "serves"),
    [
        ("0001", "0001", True),
        ("0003", "0002", True),
        ("0001", "0002", False),
        ("unreachable", "0001", False),
        ("b59a2c1f00aa", "0001", False),
    ],
)
def test_code_runs_on_its_own_schema_and_on_later_ones(
    found: str, needed: str, *, serves: bool
) -> None:
    assert revisions.stands(found, needed) is serves
