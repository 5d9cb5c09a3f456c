"""Every refusal is explained: sentence, cause and remedy, in both languages."""

import json
import re
import tomllib
from pathlib import Path

import pytest

from heli import refusals

ROOT = Path(__file__).parents[2]
FILES = sorted(
    [*ROOT.glob("*/src/*/problems.toml"), *ROOT.glob("deploy/local/src/*/problems.toml")]
)
SHOWN = ROOT / "gateway" / "src" / "gateway" / "console"
FACT = re.compile(r"\{(\w+)\}")


def problems() -> list[tuple[str, str, dict[str, str]]]:
    """Every entry that has a page: not what would have been right in a field, nor what is told."""
    found = []
    for path in FILES:
        for code, said in tomllib.loads(path.read_text("utf-8")).items():
            is_told = path.parent.name == "heli" and "cause_zh" not in said
            if not code.startswith("expected-") and not is_told:
                found.append((path.parent.name, code, said))
    return found


@pytest.mark.parametrize(("package", "code", "said"), problems())
def test_every_code_says_how_it_comes_about_and_what_to_do(
    package: str, code: str, said: dict[str, str]
) -> None:
    lacking = [key for key in refusals.KEYS if not said.get(key)]
    assert lacking == [], f"{package}: {code}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.parent.name)
def test_both_languages_name_the_same_facts(path: Path) -> None:
    different = []
    for code, said in tomllib.loads(path.read_text("utf-8")).items():
        zh, en = set(FACT.findall(said["zh"])), set(FACT.findall(said["en"]))
        # Of pydantic's own sentences only the English one can be quoted.
        if zh != en and code != "field-invalid":
            different.append((code, zh ^ en))
    assert different == []


def test_the_gateways_pages_show_every_code() -> None:
    shown = json.loads((SHOWN / "problems.json").read_text("utf-8"))
    assert {code for _, code, _ in problems()} == set(shown)


def test_a_code_that_several_packages_give_stands_once_with_all_of_them() -> None:
    found = refusals.catalogue({})
    assert found["no-such-path"]["of"][0] == "every"
    assert list(found) == sorted(found)
