"""What the import linter cannot say: who may need what, which names are banned, what files hold."""

import ast
import sys
import tomllib
from pathlib import Path

import grimp
import pytest

from contracts import errors
from contracts.errors import Refusal
from kit.errors import Sentences

ROOT = Path(__file__).parents[2]
LINT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
PACKAGES = LINT["root_packages"]
SOURCES = [
    path
    for package in ("*/src", "deploy/local/src")
    for folder in ROOT.glob(package)
    for path in folder.rglob("*.py")
]
# One file on purpose: the draw's verifier is read and run without anything else of Heli, and what
# an owner says to others is found in one place.
ONE_FILE = ("deploy/local/src/heli/draw_verifier.py", "shared/src/contracts/")
BANNED = {"utils", "util", "common", "helpers", "helper", "misc", "shared", "base", "manager"}
# What a domain may need from outside; which modules of Python it may use stands in the linter.
NOTHING: set[str] = set()


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph(*PACKAGES, include_external_packages=True, cache_dir=None)


def outside(graph: grimp.ImportGraph, expression: str) -> set[str]:
    found = {one["imported"] for one in graph.find_matching_direct_imports(f"{expression} -> *")}
    return found - sys.stdlib_module_names - set(PACKAGES)


def test_contracts_need_only_pydantic(graph: grimp.ImportGraph) -> None:
    assert outside(graph, "contracts.**") <= {"pydantic", "pydantic_core"}


def test_a_domain_needs_nothing_from_outside(graph: grimp.ImportGraph) -> None:
    assert outside(graph, "*.*.domain") == NOTHING
    assert outside(graph, "*.*.domain.**") == NOTHING


def test_a_store_uses_the_tables_of_its_own_folder(graph: grimp.ImportGraph) -> None:
    pairs = graph.find_matching_direct_imports("*.*.store -> *.*.tables")
    assert [one for one in pairs if one["importer"][:-6] != one["imported"][:-7]] == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_or_folder_has_a_name_that_says_nothing(path: Path) -> None:
    parts = path.relative_to(ROOT).with_suffix("").parts
    inside = parts[parts.index("src") + 1 :]
    assert not BANNED & set(inside)


def test_every_folder_inside_a_package_is_a_package() -> None:
    folders = {path.parent for path in SOURCES if path.parent.name != "migrations"}
    assert [folder for folder in folders if not (folder / "__init__.py").exists()] == []


def test_an_init_holds_one_docstring_and_nothing_else() -> None:
    full = [
        path
        for path in SOURCES
        if path.name == "__init__.py"
        and [type(node) for node in ast.parse(path.read_text("utf-8")).body] != [ast.Expr]
    ]
    assert full == []


def test_a_migration_imports_only_alembic_and_sqlalchemy() -> None:
    wrong = []
    for path in SOURCES:
        if path.parent.name != "migrations":
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            wrong += [(path, n) for n in names if n.split(".")[0] not in {"alembic", "sqlalchemy"}]
    assert wrong == []


def test_no_module_is_past_four_hundred_lines() -> None:
    long = {
        str(path.relative_to(ROOT)): count
        for path in SOURCES
        if path.parent.name != "migrations"
        and not str(path.relative_to(ROOT)).startswith(ONE_FILE)
        and (count := len(path.read_text("utf-8").splitlines())) > 400
    }
    assert long == {}


def _refusals() -> list[tuple[str, str]]:
    found = []
    for path in SOURCES:
        parts = path.relative_to(ROOT).parts
        package = parts[parts.index("src") + 1]
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.ClassDef):
                continue
            for line in node.body:
                target = line.targets[0] if isinstance(line, ast.Assign) else None
                target = line.target if isinstance(line, ast.AnnAssign) else target
                value = getattr(line, "value", None)
                if (
                    isinstance(target, ast.Name)
                    and target.id == "code"
                    and isinstance(value, ast.Constant)
                    and isinstance(value.value, str)
                    and value.value
                ):
                    found.append((package, value.value))
    return sorted(set(found))


@pytest.mark.parametrize(("package", "code"), _refusals())
def test_every_code_has_a_sentence_in_both_languages(package: str, code: str) -> None:
    own = [] if package in {"contracts", "kit"} else [package]
    said = Sentences.load("kit", *own).table.get(code, {})
    assert set(said) >= {"zh", "en"}


def test_the_tree_of_refusals_is_the_one_that_is_drawn() -> None:
    drawn = errors.__doc__ or ""
    kinds = [t for t in vars(errors).values() if isinstance(t, type) and issubclass(t, Refusal)]
    assert [kind.__name__ for kind in kinds if kind.__name__ not in drawn] == []


def test_no_file_names_a_package_index_or_a_machine() -> None:
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    assert "://" not in lock
    assert [line for line in lock.splitlines() if line.startswith(("heli", "-e", "./"))] == []
