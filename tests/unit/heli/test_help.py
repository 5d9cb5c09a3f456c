"""Help that helps: every command has `--json`, and examples that work as they stand."""

import shlex
from collections.abc import Iterator

import pytest
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command
from typer.testing import CliRunner

from heli.command import app
from heli.examples import HEAD

Command = TyperCommand | TyperGroup


def _commands(group: Command, *names: str) -> Iterator[tuple[str, Command]]:
    for name, command in getattr(group, "commands", {}).items():
        if hasattr(command, "commands"):
            yield from _commands(command, *names, name)
        else:
            yield " ".join((*names, name)), command


ALL = dict(_commands(get_command(app)))  # type: ignore[arg-type] # a group, which the type leaves open


def examples(command: Command) -> list[str]:
    head, *lines = (command.epilog or "").split("\n\n")
    assert HEAD in head
    return [line.strip() for line in lines]


def test_the_commands_are_those_that_people_know() -> None:
    known = ["up", "demo", "status", "verify", "load", "me", "env"]
    known += ["client create", "dlq list", "dlq requeue"]
    known += [f"draw {act}" for act in ("commit", "reveal", "verify")]
    assert set(known) <= set(ALL)


@pytest.mark.parametrize("name", ALL)
def test_every_command_prints_json_when_asked(name: str) -> None:
    assert "--json" in {option for one in ALL[name].params for option in one.opts}


@pytest.mark.parametrize("name", ALL)
def test_the_examples_of_a_command_are_of_that_command_and_can_be_parsed(name: str) -> None:
    command = ALL[name]
    lines = examples(command)
    assert len(lines) >= 2
    own = [line for line in lines if line.startswith("heli ")]
    assert own
    for line in own:
        words = shlex.split(line)[1:]
        path = name.split()
        assert words[: len(path)] == path
        command.make_context(name, words[len(path) :])


@pytest.mark.parametrize("name", ALL)
def test_help_ends_with_the_examples(name: str) -> None:
    shown = CliRunner().invoke(app, [*name.split(), "--help"], env={"COLUMNS": "160"})
    assert shown.exit_code == 0
    assert HEAD in shown.output
    assert f"heli {name}" in shown.output.partition(HEAD)[2]
