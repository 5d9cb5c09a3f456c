"""Whatever the command says, it says in two languages."""

import string
import tomllib
from importlib.resources import files

import heli.command
from contracts.errors import Refusal
from heli.problems import Problem

SENTENCES = tomllib.loads(files("heli").joinpath("problems.toml").read_text(encoding="utf-8"))


def _below(kind: type[Refusal]) -> set[type[Refusal]]:
    found = set(kind.__subclasses__())
    return found.union(*(_below(one) for one in found)) if found else found


def test_every_refusal_has_a_chinese_and_an_english_sentence() -> None:
    assert heli.command.app is not None
    codes = {kind.code for kind in _below(Problem)}
    assert codes
    assert {code for code in codes if set(SENTENCES[code]) != {"zh", "en"}} == set()


def test_both_sentences_of_a_refusal_use_the_same_facts() -> None:
    for code in {kind.code for kind in _below(Problem)}:
        zh, en = (
            {name for _, name, _, _ in string.Formatter().parse(SENTENCES[code][tongue]) if name}
            for tongue in ("zh", "en")
        )
        assert zh == en, code
