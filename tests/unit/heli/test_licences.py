"""Licences of what Heli stands on."""

from email.message import Message
from importlib.metadata import Distribution, PathDistribution
from pathlib import Path

import pytest

from heli import licences
from heli.licences import Known, Locked, Rules, allowed, faults, known, locked, notice, shipped

ROOT = Path(__file__).parents[3]
RULES = Rules.read((ROOT / licences.RULES).read_text("utf-8"))
LOCK = """\
# written by hand
aaa==1.0 \\
    --hash=sha256:00
    # via heli-gateway (gateway/pyproject.toml)
bbb==2.0 ; sys_platform == 'win32' \\
    --hash=sha256:00
    # via
    #   aaa
    #   pytest
pytest==9 \\
    --hash=sha256:00
"""


def planted(folder: Path, **headers: str) -> Distribution:
    """Plant the metadata of a package that was never installed."""
    place = folder / "planted-1.0.dist-info"
    place.mkdir(exist_ok=True)
    about = Message()
    about["Metadata-Version"], about["Name"], about["Version"] = "2.4", "planted", "1.0"
    for name, value in headers.items():
        about[name.replace("_", "-")] = value
    (place / "METADATA").write_text(about.as_string(), encoding="utf-8")
    return PathDistribution(place)


def judged(package: Distribution) -> list[str]:
    row = Locked("planted", "1.0", conditional=False, needed_by=frozenset())
    found = known([row], RULES, find=lambda _name: package)
    return [fault for fault in faults(found, RULES) if fault.startswith("planted")]


def test_every_locked_package_of_this_platform_has_an_allowed_licence() -> None:
    packages = locked((ROOT / "requirements.lock").read_text("utf-8"))
    assert len(packages) > 50
    assert list(faults(known(list(packages.values()), RULES), RULES)) == []


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"License_Expression": "AGPL-3.0-only"},
        {"License_Expression": "MIT AND SSPL-1.0"},
        {"License": "do as you like"},
        {"Classifier": "License :: OSI Approved :: BSD License"},
        {"Classifier": "License :: Other/Proprietary License"},
        {"License_Expression": "LGPL-3.0-only"},
    ],
)
def test_a_package_with_an_unknown_or_unlisted_licence_is_named(
    tmp_path: Path, headers: dict[str, str]
) -> None:
    assert len(judged(planted(tmp_path, **headers))) == 1


@pytest.mark.parametrize(
    "headers",
    [
        {"License_Expression": "MIT OR AGPL-3.0-only"},
        {"License": "MIT License"},
        {
            "License": "Apache 2.0",
            "Classifier": "License :: OSI Approved :: Apache Software License",
        },
        {"Classifier": "License :: OSI Approved :: MIT License"},
    ],
)
def test_a_package_with_a_listed_licence_passes_however_it_words_it(
    tmp_path: Path, headers: dict[str, str]
) -> None:
    assert judged(planted(tmp_path, **headers)) == []


@pytest.mark.parametrize(
    ("expression", "holds"),
    [
        ("A", True),
        ("X", False),
        ("A OR X", True),
        ("X OR A", True),
        ("A AND X", False),
        ("(A OR X) AND B", True),
        ("A OR X AND X", True),
        ("(A OR B", False),
        ("A B", False),
        ("", False),
        ("A WITH exception", False),
    ],
)
def test_an_expression_is_judged_by_its_parts(expression: str, *, holds: bool) -> None:
    assert allowed(expression, {"A", "B"}.__contains__) is holds


def test_a_package_that_is_not_installed_is_known_by_the_rules_or_named() -> None:
    rows = [Locked(n, "1", conditional=True, needed_by=frozenset()) for n in ("tzdata", "nobody")]
    found = known(rows, RULES, find=lambda _name: None)
    assert [one.licence for one in found] == ["Apache-2.0", "not installed"]


def test_only_what_heli_needs_is_shipped() -> None:
    packages = locked(LOCK)
    assert [(one.name, one.conditional) for one in packages.values()] == [
        ("aaa", False),
        ("bbb", True),
        ("pytest", False),
    ]
    assert [one.name for one in shipped(packages)] == ["aaa", "bbb"]


def test_an_exception_says_why_and_is_used() -> None:
    assert all(why for _, why in RULES.exceptions.values())
    assert "LGPL-3.0-only" in RULES.exceptions["psycopg"][0]
    row = Known(Locked("aaa", "1", conditional=False, needed_by=frozenset()), "MIT")
    assert any("psycopg: the lock does not name it" in fault for fault in faults([row], RULES))


def test_the_notice_names_what_is_vendored_and_what_wheels_carry() -> None:
    packages = locked((ROOT / "requirements.lock").read_text("utf-8"))
    text = notice(known(shipped(packages), RULES), RULES)
    for part in ("ECharts 6: Apache-2.0", "PostgreSQL", "nats-server", "Swagger UI", "psycopg"):
        assert part in text
    assert "pytest" not in text
    assert text == (ROOT / "NOTICE").read_text("utf-8")
