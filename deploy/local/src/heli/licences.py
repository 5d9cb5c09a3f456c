"""Licences of what Heli stands on: each locked package's is known and allowed; NOTICE names them.

`make lint` runs it (`python -m heli.licences`) and fails on a licence that `deploy/licences.toml`
does not list; `make docs` writes NOTICE.
"""

import re
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

ROOT: Final = Path.cwd()
RULES: Final = "deploy/licences.toml"
NOTICE: Final = "NOTICE"
_OURS: Final = "heli"
_PACKAGE: Final = re.compile(r"^([a-z0-9][a-z0-9._-]*)==(\S+)( ;)?", re.IGNORECASE)


class Part(NamedTuple):
    """Something inside a package or in the repository, and its licence."""

    where: str
    part: str
    licence: str
    why: str
    notice: str

    @classmethod
    def of(cls, row: Mapping[str, str]) -> Self:
        """Take a row of the rules."""
        where = row.get("package") or row["path"]
        return cls(where, row["part"], row["licence"], row.get("why", ""), row.get("notice", ""))


@dataclass(frozen=True, slots=True)
class Rules:
    """What is allowed, and how packages word it."""

    allowed: frozenset[str]
    words: Mapping[str, str]
    stated: Mapping[str, str]
    elsewhere: Mapping[str, str]
    exceptions: Mapping[str, tuple[str, str]]
    vendored: tuple[Part, ...]
    inside: tuple[Part, ...]

    @classmethod
    def read(cls, text: str) -> Self:
        """Read the rules' file."""
        rules: dict[str, Any] = tomllib.loads(text)
        return cls(
            frozenset(rules["allowed"]),
            rules["words"],
            rules["stated"],
            rules["elsewhere"],
            {row["package"]: (row["licence"], row["why"]) for row in rules["exception"]},
            tuple(map(Part.of, rules["vendored"])),
            tuple(map(Part.of, rules["inside"])),
        )


@dataclass(frozen=True, slots=True)
class Locked:
    """A package of the lock: whether on this platform alone, and who needs it."""

    name: str
    version: str
    conditional: bool
    needed_by: frozenset[str]


def locked(lock: str) -> dict[str, Locked]:
    """Read the lock: names, versions, and who needs what (its comments `# via`)."""
    found: dict[str, Locked] = {}
    for block in re.split(r"(?m)^(?=\S)", lock):
        head = _PACKAGE.match(block)
        if head is None:
            continue
        needed = re.findall(r"(?m)^    # (?:via|  )(?: ?)([a-z0-9][^\s]*)", block)
        name = normal(head[1])
        found[name] = Locked(name, head[2], bool(head[3]), frozenset(map(normal, needed)))
    return found


def normal(name: str) -> str:
    """Give a package's name as indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def shipped(packages: Mapping[str, Locked]) -> list[Locked]:
    """Give what the eight distributions need, directly or through others; not what tests need."""
    found: set[str] = set()
    more = True
    while more:
        fresh = {
            one.name
            for one in packages.values()
            if one.name not in found
            and any(by in found or by.partition("-")[0] == _OURS for by in one.needed_by)
        }
        found |= fresh
        more = bool(fresh)
    return [packages[name] for name in sorted(found)]


def worded(package: Distribution, rules: Rules) -> str:
    """Give a package's licence as an SPDX expression, else whatever it says."""
    about = package.metadata
    if "License-Expression" in about:
        return about["License-Expression"]
    stated = rules.stated.get(normal(about["Name"]))
    if stated:
        return stated
    field = about["License"].strip() if "License" in about else ""
    if field in rules.allowed:
        return field
    said = [line for line in about.get_all("Classifier", []) if line.startswith("License ::")]
    known = {rules.words[line] for line in (field, *said) if line in rules.words}
    if len(known) == 1:
        return known.pop()
    return field.partition("\n")[0] or "; ".join(said) or "nothing"


def allowed(expression: str, is_allowed: Callable[[str], bool]) -> bool:
    """Judge an SPDX expression: of OR one side must be allowed, of AND both."""
    words = re.findall(r"[()]|[^\s()]+", expression)
    holds = _either(words, is_allowed)
    return holds and not words


def _either(words: list[str], ok: Callable[[str], bool]) -> bool:
    holds = _both(words, ok)
    while words[:1] == ["OR"]:
        del words[0]
        holds = _both(words, ok) or holds
    return holds


def _both(words: list[str], ok: Callable[[str], bool]) -> bool:
    holds = _one(words, ok)
    while words[:1] == ["AND"]:
        del words[0]
        holds = _one(words, ok) and holds
    return holds


def _one(words: list[str], ok: Callable[[str], bool]) -> bool:
    if not words:
        return False
    word = words.pop(0)
    if word == "(":
        holds = _either(words, ok)
        return bool(words) and words.pop(0) == ")" and holds
    if words[:1] == ["WITH"]:
        word = " ".join((word, *words[:2]))
        del words[:2]
    return ok(word)


Find = Callable[[str], Distribution | None]


def installed(name: str) -> Distribution | None:
    """Find a package in this environment."""
    try:
        return distribution(name)
    except PackageNotFoundError:
        return None


@dataclass(frozen=True, slots=True)
class Known:
    """A locked package and its licence."""

    package: Locked
    licence: str


def known(packages: Sequence[Locked], rules: Rules, find: Find = installed) -> list[Known]:
    """Give every package's licence; a package of another platform by what the rules say."""
    found = []
    for package in packages:
        here = find(package.name)
        if here is not None:
            found.append(Known(package, worded(here, rules)))
        else:
            found.append(Known(package, rules.elsewhere.get(package.name, "not installed")))
    return found


def faults(packages: Sequence[Known], rules: Rules) -> Iterator[str]:
    """Name every package and part whose licence is not on the list, and rules without a use."""
    names = {one.package.name for one in packages}
    for one in packages:
        name, licence = one.package.name, one.licence
        taken = rules.allowed | {rules.exceptions.get(name, ("", ""))[0]}
        if not allowed(licence, taken.__contains__):
            yield f"{name} {one.package.version}: {licence}"
    for part in (*rules.inside, *rules.vendored):
        if part.licence not in rules.allowed and not part.why:
            yield f"{part.part} in {part.where}: {part.licence}"
    for name in (
        *rules.exceptions,
        *rules.stated,
        *rules.elsewhere,
        *(p.where for p in rules.inside),
    ):
        if name not in names:
            yield f"{name}: the lock does not name it"
    for part in rules.vendored:
        if not (ROOT / part.where).exists():
            yield f"{part.where}: the file is not there"


def notice(packages: Sequence[Known], rules: Rules) -> str:
    """Write NOTICE: what is shipped with Heli, and under which licences."""
    lines = [
        "Heli 合力",
        "Licensed under the Apache License, Version 2.0 (see LICENSE).",
        "",
        "This file is written by `make docs` from requirements.lock and deploy/licences.toml.",
        "",
        "In this repository 本仓库所含",
        "",
    ]
    for part in rules.vendored:
        lines += [f"- {part.part}: {part.licence} ({part.where})"]
        lines += [f"  {line}" for line in part.notice.strip().splitlines()]
    lines += [
        "",
        "Python packages that Heli needs, installed or packed with it 随之安装的 Python 包",
        "(without what only tests and tools need; each carries the text of its licence)",
        "",
    ]
    for one in packages:
        lines.append(f"- {one.package.name} {one.package.version}: {one.licence}")
        why = rules.exceptions.get(one.package.name, ("", ""))[1]
        lines += [f"  {why}"] if why else []
    lines += ["", "Inside these packages in other form 上述包内另含", ""]
    for part in rules.inside:
        lines.append(f"- {part.where}: {part.part}: {part.licence}")
        lines += [f"  {part.why}"] if part.why else []
    return "\n".join(lines) + "\n"


def read() -> tuple[Rules, dict[str, Locked]]:
    """Read the rules and the lock of this repository."""
    rules = Rules.read((ROOT / RULES).read_text("utf-8"))
    return rules, locked((ROOT / "requirements.lock").read_text("utf-8"))


def write() -> None:
    """Write NOTICE anew."""
    rules, packages = read()
    text = notice(known(shipped(packages), rules), rules)
    (ROOT / NOTICE).write_text(text, "utf-8")


def main() -> None:
    """Check every locked package; exit code 1 names those that are not allowed."""
    rules, packages = read()
    found = known(list(packages.values()), rules)
    wrong = list(faults(found, rules))
    if wrong:
        sys.exit(
            "\n".join((f"licences that {RULES} does not allow:", *(f"  {one}" for one in wrong)))
        )
    sys.stdout.write(f"licences: {len(found)} locked packages, all allowed\n")


if __name__ == "__main__":
    main()
