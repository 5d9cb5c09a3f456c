"""The image: its file keeps our rules, and its own steps, run here without an engine, install.

What an engine does beside them (layers, users, the base image) is not run here.
"""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from contracts.services import SERVICES

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "deploy" / "images" / "Dockerfile"
SERVICE = "clue-dispatch"


class Step(NamedTuple):
    verb: str
    rest: str


def steps(text: str) -> list[Step]:
    """Read instructions: comments out, continued lines joined."""
    lines = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    joined = re.sub(r"\\\n\s*", " ", lines)
    return [Step(*line.split(" ", 1)) for line in joined.splitlines() if line.strip()]


def stages(text: str) -> list[list[Step]]:
    found: list[list[Step]] = []
    for step in steps(text):
        if step.verb == "FROM":
            found.append([])
        if found:
            found[-1].append(step)
    return found


def faults(text: str) -> Iterator[str]:
    """Name what an image of ours must not be."""
    build, last = stages(text)
    said = dict(last)
    wanted = {"USER": "10001:10001", "STOPSIGNAL": "SIGTERM", "ENTRYPOINT": '["python", "-m"]'}
    for verb, value in wanted.items():  # a number that Kubernetes can check, and no shell
        if said.get(verb) != value:
            yield f"{verb} {said.get(verb)}"
    if any(step.verb == "RUN" for step in last):
        yield "the last stage builds"
    runs = " && ".join(step.rest for step in build if step.verb == "RUN")
    for install in re.findall(r"pip (?:--python \S+ )?install[^&]*", runs):
        if "--require-hashes" not in install and "--offline" not in install:
            yield f"takes what no hash vouches for: {install}"
    banned = {
        "an index": r"https?://|index-url|trusted-host",
        "a secret": r"PASSWORD|SECRET_|TOKEN",
        "the whole folder": r"(?m)^COPY \.",
    }
    for what, pattern in banned.items():
        if re.search(pattern, text):
            yield f"names {what}"
    if not re.search(r"(?m)^ARG PYTHON=python:3\.\d+\.\d+-slim-\w+$", text):
        yield "the base has no exact version"


def test_the_image_keeps_our_rules() -> None:
    assert list(faults(DOCKERFILE.read_text("utf-8"))) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("USER 10001:10001\n", ""),
        ("STOPSIGNAL SIGTERM\n", ""),
        ('ENTRYPOINT ["python", "-m"]', "ENTRYPOINT python -m"),
        ("USER 10001", "RUN true\nUSER 10001"),
        ("--require-hashes --no-deps -r package.lock", "-r package.lock"),
        ("-r uv.lock", "--index-url https://index.example -r uv.lock"),
        ("python:3.13.14-slim-bookworm\n", "python:3\n"),
        ("COPY shared ./shared", "COPY . ./"),
    ],
)
def test_an_image_that_breaks_a_rule_is_found(old: str, new: str) -> None:
    text = DOCKERFILE.read_text("utf-8")
    assert old in text
    assert list(faults(text.replace(old, new, 1))) != []


def test_the_builder_gets_what_the_image_copies_and_no_data() -> None:
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    wanted = [line[1:] for line in lines if line.startswith("!")]
    folders = {"shared", "deploy/local", *(service.name for service in SERVICES)}
    assert set(wanted) == folders | {"requirements.lock", "LICENSE", "NOTICE"}
    for step in steps(DOCKERFILE.read_text("utf-8")):
        if step.verb == "COPY" and "--from" not in step.rest and "${SERVICE}" not in step.rest:
            for source in step.rest.split()[:-1]:
                assert any(source == one or source.startswith(f"{one}/") for one in wanted), source
                assert (ROOT / source).exists()


def test_every_service_has_the_package_that_the_image_asks_for() -> None:
    for service in SERVICES:
        about = tomllib.loads((ROOT / service.name / "pyproject.toml").read_text("utf-8"))
        assert about["project"]["name"] == f"heli-{service.name}"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run the very steps of the build stage, with /src and /opt in a folder of ours."""
    place = tmp_path_factory.mktemp("image")
    work, opt = place / "src", place / "opt"
    work.mkdir()
    opt.mkdir()
    (place / "bin").mkdir()
    (place / "bin" / "python").symlink_to(sys.base_prefix + "/bin/python3")
    values = {"SERVICE": SERVICE, "PACKAGE": f"heli-{SERVICE}"}
    for verb, rest in stages(DOCKERFILE.read_text("utf-8"))[0]:
        if verb not in {"COPY", "RUN"}:
            continue
        said = re.sub(r"\$\{(\w+)\}", lambda found: values[found[1]], rest)
        if verb == "COPY":
            *sources, target = said.split()
            _copy([ROOT / one for one in sources], work / target, folder=target.endswith("/"))
        else:
            line = re.sub(r"--mount=\S+ ", "", said).replace("/opt/", f"{opt}/")
            command = ["bash", "-c", f'PATH="{place}/bin:$PATH"; {line}']
            done = subprocess.run(command, cwd=work, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return opt / "heli"


def _copy(sources: list[Path], target: Path, *, folder: bool) -> None:
    for source in sources:
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
            shutil.copytree(source, target, ignore=ignored)
        elif folder or target.is_dir():
            target.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target / source.name)
        else:
            shutil.copy(source, target)


def test_the_steps_of_the_build_install_a_service_that_runs(installed: Path) -> None:
    command = [str(installed / "bin" / "python"), "-m", "clue_dispatch.app", "describe"]
    done = subprocess.run(command, env={}, cwd="/", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["service"] == SERVICE


def test_an_image_holds_no_tools_no_other_service_and_no_way_to_install(installed: Path) -> None:
    packages = next((installed / "lib").iterdir()) / "site-packages"
    names = {path.name for path in packages.iterdir()}
    assert {"clue_dispatch", "kit", "contracts", "sqlalchemy"} <= names
    assert not {"gateway", "heli", "pip", "uv", "pytest", "pgserver"} & names
    assert (packages / "kit" / "__pycache__").is_dir()  # the root cannot be written later
