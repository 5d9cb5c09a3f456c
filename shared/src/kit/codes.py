"""Identifiers: who a code names, and why it names nobody.

A code is never repaired in silence: `normalise` changes only what cannot change its meaning, and
whatever is wrong comes back as a `Fault` that says so, with a suggestion where one reading holds.
Nothing here is looked up: only what a code proves about itself (check digits) is judged.
"""

import re
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from typing import Final

from stdnum.cn import ric, uscc
from stdnum.iso7064 import mod_11_10

from contracts.classes import is_person, masked, names_person
from contracts.errors import Invalid

# GB 32100-2015: digits and letters without I, O, S, V, Z.
ALPHABET: Final = "0123456789ABCDEFGHJKLMNPQRTUWXY"
LENGTHS: Final = "18 | 15 | 13"

_HALF_WIDTH: Final = {0x3000: " "} | {wide: wide - 0xFEE0 for wide in range(0xFF01, 0xFF5F)}
_CREDIT_CODE: Final = re.compile(rf"[{ALPHABET}]{{2}}[0-9]{{6}}[{ALPHABET}]{{10}}")
_OLD_NUMBER: Final = re.compile(r"[0-9]{15}")
_OLDEST_NUMBER: Final = re.compile(r"[0-9]{13}")
_FLOAT_SHOWN: Final = re.compile(r"[0-9](?:[.,][0-9]+)?E\+?[0-9]{1,2}")
_FLOAT_KEPT: Final = re.compile(r"[0-9]{15}000(?:\.0+)?")
_PERSON: Final = re.compile(r"[0-9]{17}[0-9X]")
# Province 11–83, then a birth year 19xx or 20xx (GB 11643-1999).
_PERSON_LIKE: Final = re.compile(r"[1-8][0-9]{5}(?:19|20)[0-9]{9}[0-9X]")
_ITEM: Final = re.compile(r"[0-9]{14}")
_LOOKALIKES: Final[dict[str, str]] = {"l": "1", "I": "1", "i": "1", "O": "0", "o": "0"}
_ORGANISATION_VALUES: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_ORGANISATION_WEIGHTS: Final = (3, 7, 9, 10, 5, 8, 4, 2)
_ORGANISATION_CHECKS: Final = "0123456789X0"
_SHOWN: Final = 64


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a code names nobody: a stable word, what was got, what would be right.

    `suggestion` is a whole code whose check digit holds, or `l → 1` where a look-alike letter
    stands but the replaced code fails too. It is never applied.
    """

    code: str
    field: str
    got: str
    expected: str
    suggestion: str | None = None


class SubjectUnnamed(Invalid):
    """Neither a code nor a name was given: two unnamed ones would silently become one."""

    code = "subject-unnamed"


def normalise(raw: str) -> str:
    """Trim, upper case, full width to half width; O stays O and I stays I."""
    return _half_width(raw).upper()


def entity_id(raw: str) -> str | Fault:
    """Give the id of the legal person that a code names.

    18 characters: unified social credit code, GB 32100-2015. 15 digits: registration number
    before it, ISO 7064 MOD 11,10. 13 digits: the number before that, which proves nothing.
    """
    text = normalise(raw)
    if not text:
        return Fault("code-empty", "code", "", LENGTHS)
    if _checks(text):
        return f"uscc-{text}" if len(text) == 18 else f"reg15-{text}"  # noqa: PLR2004 the standard's length
    if _OLDEST_NUMBER.fullmatch(text):
        return f"reg13-{text}"
    return _fault(_half_width(raw), text)


def verifiable(entity: str) -> bool:
    """Say whether an entity's id carries a check digit that holds."""
    return entity.startswith(("uscc-", "reg15-"))


def organisation_code_ok(code: str) -> bool:
    """Check the organisation code inside a credit code (GB 11714, characters 9 to 17).

    Some lawful bodies carry a code of older making that fails: a warning, never a refusal.
    """
    inner = normalise(code).removeprefix("USCC-")[8:17]
    if len(inner) != 9 or not set(inner) <= set(_ORGANISATION_VALUES):  # noqa: PLR2004 the standard's length
        return False
    values = map(_ORGANISATION_VALUES.index, inner[:8])
    total = sum(v * w for v, w in zip(values, _ORGANISATION_WEIGHTS, strict=True))
    return inner[8] == _ORGANISATION_CHECKS[11 - total % 11]


def item_code_ok(code: str) -> bool:
    """Check the form of a catalogue code of a supervision item: 14 digits, opaque."""
    return _ITEM.fullmatch(normalise(code)) is not None


def person_id_ok(raw: str, *, on: date | None = None) -> bool:
    """Check a citizen's number (GB 11643-1999): check character, a real birth date, by `on`.

    The division in it is not checked: those of residents from Hong Kong, Macao and Taiwan, of
    foreigners and of abolished counties are in no current table.
    """
    text = normalise(raw)
    if not _PERSON.fullmatch(text) or not is_person(text):
        return False
    return on is None or ric.get_birth_date(text) <= on


def provisional_id(source: str, raw: str) -> str:
    """Name a subject that nobody could identify, alike wherever it is met.

    `source` is the id of the sending department; `raw` the code, or the name where there is none.
    """
    named = "\0".join((source, normalise(raw))).encode(errors="replace")
    return f"prov-{sha256(named).hexdigest()[:16]}"


def subject_of(source: str, code: str | None, name: str | None) -> tuple[str, Fault | None]:
    """Give the entity's id, or a provisional one with the fault that made it so.

    Refuses: SubjectUnnamed.
    """
    found = entity_id(code or "")
    if isinstance(found, str):
        return found, None
    raw = normalise(code or "") or normalise(name or "")
    if not raw:
        raise SubjectUnnamed(field="code", got="", expected=LENGTHS)
    return provisional_id(source, raw), found


def _half_width(raw: str) -> str:
    return raw.translate(_HALF_WIDTH).strip()


def _checks(text: str) -> bool:
    """Say whether the check digit of an 18- or 15-character code holds.

    stdnum's own `uscc.validate` wants a digit first, which refuses codes that begin with A, N, Y.
    """
    if _CREDIT_CODE.fullmatch(text):
        return text[-1] == uscc.calc_check_digit(text)
    return _OLD_NUMBER.fullmatch(text) is not None and mod_11_10.is_valid(text)


def _fault(typed: str, text: str) -> Fault:
    """Say what is wrong with a code that names nobody, the most telling first."""
    got = typed[:_SHOWN]
    if _like_a_person(text):
        return Fault("code-person", "code", f"{text[:3]}{'*' * 11}{text[-4:]}", LENGTHS)
    if _FLOAT_SHOWN.fullmatch(text) or _FLOAT_KEPT.fullmatch(text):
        return Fault("code-excel", "code", got, LENGTHS)  # 15 digits survive a double, not 18
    if names_person(text):
        return Fault("code-person", "code", masked(text)[:_SHOWN], LENGTHS)
    letters = [letter for letter in _LOOKALIKES if letter in typed]
    suggestion = _suggestion(typed)
    if letters and len(text) in (15, 18) and text.isascii() and text.isalnum():
        swaps = ", ".join(f"{letter} → {_LOOKALIKES[letter]}" for letter in letters)
        return Fault("code-lookalike", "code", got, ALPHABET, suggestion or swaps)
    word, expected = _form(text)
    return Fault(word, "code", got, expected, suggestion)


def _like_a_person(text: str) -> bool:
    """Say whether a code reads as a citizen's number, mistyped or not: a province and a birth date.

    One digit wrong is still a person's number for everybody who knows the person.
    """
    return _PERSON_LIKE.fullmatch(text) is not None and _is_day(text[6:14])


def _is_day(digits: str) -> bool:
    try:
        date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return False
    return True


def _form(text: str) -> tuple[str, str]:
    """Give the word for what is wrong with the form of a code, and what would be right."""
    if not set(text) <= set(ALPHABET):
        return "code-charset", ALPHABET
    if _CREDIT_CODE.fullmatch(text):
        return "code-check-digit", uscc.calc_check_digit(text)
    if _OLD_NUMBER.fullmatch(text):
        return "code-check-digit", mod_11_10.calc_check_digit(text[:14])
    return ("code-charset", "0123456789") if len(text) in (15, 18) else ("code-length", LENGTHS)


def _suggestion(typed: str) -> str | None:
    """Give the one code that holds when stray signs go and look-alike letters become digits.

    An upper-case L is a lawful character, so reading it as 1 must also make the inner code hold.
    """
    bare = re.sub(r"[^0-9A-Za-z]", "", re.sub(r"\.0+$", "", typed))
    digits = bare.translate(
        str.maketrans("".join(_LOOKALIKES), "".join(_LOOKALIKES.values()))
    ).upper()
    without_l = digits.replace("L", "1")
    found = {text for text in (bare.upper(), digits) if _checks(text)}
    if _checks(without_l) and (without_l.isdigit() or organisation_code_ok(without_l)):
        found.add(without_l)
    return found.pop() if len(found) == 1 else None
