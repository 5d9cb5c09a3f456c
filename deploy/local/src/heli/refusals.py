"""The catalogue of refusals: every code with its sentence, cause and remedy, for people.

Written by `make docs` as `docs/generated/errors.md`, and as the data of the gateway's pages.
"""

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from typing import Any, Final

from contracts.services import SERVICES

LANGUAGES: Final = ("zh", "en")
KEYS: Final = tuple(f"{part}{lang}" for part in ("", "cause_", "remedy_") for lang in LANGUAGES)
# Not refusals of their own: what would have been right in a field.
_PARTS: Final = "expected-"


def of_package(package: str) -> dict[str, dict[str, Any]]:
    """Read a package's codes that have a page: those with a cause."""
    text = files(package).joinpath("problems.toml").read_text("utf-8")
    return {
        code: said
        for code, said in tomllib.loads(text).items()
        if not code.startswith(_PARTS) and "cause_zh" in said
    }


def catalogue(statuses: Mapping[str, Mapping[str, int]]) -> dict[str, dict[str, Any]]:
    """Give every code, in order: who gives it, its status by class, and its sentences.

    `statuses` are each service's refusals; a code without one stands inside an answer.
    """
    every = {code: status for known in statuses.values() for code, status in known.items()}
    owners = [("every", "kit"), *((one.name, one.package) for one in SERVICES), ("command", "heli")]
    found: dict[str, dict[str, Any]] = {}
    for owner, package in owners:
        for code, said in of_package(package).items():
            known = statuses.get(owner, every)
            status = None if owner == "command" else said.get("status", known.get(code))
            entry = {key: said.get(key, "") for key in KEYS}
            if code in found:  # a service says a code of all services in its own words
                found[code]["of"].append(owner)
            else:
                found[code] = {"of": [owner], "status": status, **entry}
    return dict(sorted(found.items()))


def page(found: Mapping[str, Mapping[str, Any]]) -> str:
    """Write the catalogue as a page."""
    lines = [
        "# Errors",
        "",
        "Generated from the `problems.toml` of every package. 由各包的 problems.toml 生成。",
    ]
    for code, one in found.items():
        status = f"HTTP {one['status']}" if one["status"] else "inside an answer"
        if one["of"] == ["command"]:
            status = "the command ends with it"
        lines += ["", f"## `{code}`", "", f"{', '.join(one['of'])} · {status}", ""]
        for language in LANGUAGES:
            cause, remedy = one[f"cause_{language}"], one[f"remedy_{language}"]
            lines += [f"- {one[language]}", f"  - {cause}", f"  - {remedy}"]
    return "\n".join(lines) + "\n"
