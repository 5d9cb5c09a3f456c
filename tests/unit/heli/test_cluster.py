"""What a cluster gets of us: passwords that stay, a key replaced without a refused token."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OKPKey

from heli import cluster, keep, nats
from heli.cluster import KeyStep, NoSuchStep, turn
from kit.auth import ALGORITHM

ROOT = Path(__file__).parents[3]


def made(folder: Path) -> dict[str, Any]:
    found = cluster.manifests(folder, database="heli-db-rw", message="nats")
    return {one["metadata"]["name"]: one for one in found["items"]}


def known(folder: Path) -> KeySet:
    return KeySet.import_key_set(json.loads(made(folder)["heli-keys"]["data"]["keys.json"]))


def test_the_same_folder_gives_the_same_secrets_and_another_gives_others(tmp_path: Path) -> None:
    first = made(tmp_path / "a")
    assert made(tmp_path / "a") == first
    assert made(tmp_path / "b")["heli-nats"] != first["heli-nats"]
    for file in (tmp_path / "a").glob("*.json"):
        assert file.stat().st_mode & 0o777 == 0o600


def test_public_keys_hold_no_private_part(tmp_path: Path) -> None:
    keys = json.loads(made(tmp_path)["heli-keys"]["data"]["keys.json"])["keys"]
    assert [sorted(one) for one in keys] == [["crv", "kid", "kty", "use", "x"]]


def test_a_replaced_key_is_known_before_it_signs_and_after_it_has_signed(tmp_path: Path) -> None:
    made(tmp_path)

    def token() -> str:
        signing = OKPKey.import_key(keep.read_json(tmp_path / "signing.json"))
        header = {"alg": ALGORITHM, "kid": signing.kid}
        return jwt.encode(header, {"sub": "x"}, signing, algorithms=[ALGORITHM])

    tokens, sets = [token()], [known(tmp_path)]
    for step in KeyStep:
        turn(tmp_path, step)
        tokens.append(token())
        sets.append(known(tmp_path))
    assert [len(one.keys) for one in sets] == [1, 2, 2, 1]
    # Whatever is signed after a step is known to who has the set of the step before, and to who
    # has the set after it: services need not be told at the same moment.
    for at in range(1, 4):
        for one in (sets[at - 1], sets[at]):
            assert jwt.decode(tokens[at], one, algorithms=[ALGORITHM]).claims == {"sub": "x"}
    assert jwt.decode(tokens[0], sets[2], algorithms=[ALGORITHM]).claims == {"sub": "x"}
    with pytest.raises(JoseError):
        jwt.decode(tokens[0], sets[3], algorithms=[ALGORITHM])


@pytest.mark.parametrize("step", [KeyStep.USE, KeyStep.DROP])
def test_a_step_out_of_order_is_refused(step: KeyStep, tmp_path: Path) -> None:
    with pytest.raises(NoSuchStep):
        turn(tmp_path, KeyStep.ADD)
    made(tmp_path)
    with pytest.raises(NoSuchStep):
        turn(tmp_path, step)


def test_the_written_configuration_is_current_and_the_server_takes_it(tmp_path: Path) -> None:
    assert (ROOT / cluster.NATS_CONF).read_text("utf-8") == cluster.nats_conf()
    (tmp_path / "nats.conf").write_text(cluster.nats_conf(), "utf-8")
    (tmp_path / "passwords").mkdir()
    passwords = made(tmp_path / "keys")["heli-nats"]["stringData"]["passwords.conf"]
    (tmp_path / "passwords" / "passwords.conf").write_text(passwords, "utf-8")
    command = [str(nats.find(None)), "-t", "-c", str(tmp_path / "nats.conf")]
    done = subprocess.run(
        command, env={"POD_NAME": "nats-0"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_users_of_a_cluster_may_do_what_the_embedded_ones_may() -> None:
    for service in ("clue-dispatch", "gateway"):
        allowed = nats.permissions(service)["publish"]["allow"]
        assert all(json.dumps(subject) in cluster.nats_conf() for subject in allowed)
