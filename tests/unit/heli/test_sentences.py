"""Whatever the command says, it says in two languages; whatever it refuses, it says what to do."""

import string
import tomllib
from importlib.resources import files

import heli.command
from contracts.errors import Refusal
from heli.problems import Problem, remedy, said, sentences

TEXTS = {
    name: tomllib.loads(files("heli").joinpath(f"{name}.toml").read_text(encoding="utf-8"))
    for name in ("problems", "sayings")
}
PROBLEMS, SAYINGS = TEXTS["problems"], TEXTS["sayings"]
SAID = {"zh", "en"}
EXPLAINED = {f"{part}_{tongue}" for part in ("cause", "remedy") for tongue in ("zh", "en")}


def _below(kind: type[Refusal]) -> set[type[Refusal]]:
    found = set(kind.__subclasses__())
    return found.union(*(_below(one) for one in found)) if found else found


def _facts(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}


def test_every_refusal_has_a_sentence_a_cause_and_a_remedy_in_both_languages() -> None:
    assert heli.command.app is not None
    codes = {kind.code for kind in _below(Problem)}
    assert codes
    assert codes - set(PROBLEMS) == set()
    assert {code for code in PROBLEMS if set(PROBLEMS[code]) != SAID | EXPLAINED} == set()


def test_what_is_no_refusal_has_its_sentences_alone_and_in_another_file() -> None:
    assert {code for code in SAYINGS if set(SAYINGS[code]) != SAID} == set()
    assert set(PROBLEMS) & set(SAYINGS) == set()


def test_both_sentences_of_a_refusal_use_the_same_facts_and_its_remedy_no_others() -> None:
    for code, texts in PROBLEMS.items():
        assert _facts(texts["zh"]) == _facts(texts["en"]), code
        assert _facts(texts["remedy_zh"]) == _facts(texts["remedy_en"]), code
        assert not _facts(texts["cause_zh"] + texts["cause_en"]), code


def test_a_refusal_says_what_to_try_with_its_own_facts() -> None:
    class Taken(Problem):
        code = "gateway-port-taken"

    no = Taken(port=8080, by="python3, pid 7")
    assert said(no)[1] == "Port 8080 is in use (python3, pid 7)."
    assert "--port 0" in remedy(no.code, **no.facts)[1]


def test_a_sentence_is_found_wherever_it_stands() -> None:
    assert sentences("step-engines")[1] == "starting database and messages"
