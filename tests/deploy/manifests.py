"""What kustomize builds, read: objects, pods, and who may talk to whom."""

import copy
import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from heli import cluster

ROOT = Path(__file__).parents[2]
KUSTOMIZE = ROOT / "deploy" / "kustomize"
BUILDS = sorted(
    str(file.parent.relative_to(KUSTOMIZE))
    for place in ("overlays", "tests")
    for file in (KUSTOMIZE / place).glob("*/kustomization.yaml")
)
Object = dict[str, Any]
Call = tuple[str, str, int]


@cache
def _built(name: str) -> list[Object]:
    kubectl = os.environ.get("KUBECTL", "kubectl")  # noqa: TID251 - as make was told
    command = [kubectl, "kustomize", str(KUSTOMIZE / name)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return [one for one in yaml.safe_load_all(done.stdout) if one]


def build(name: str) -> list[Object]:
    """Build an overlay or a combination; every caller gets objects of its own."""
    return copy.deepcopy(_built(name))


def of(objects: list[Object], *kinds: str) -> Iterator[Object]:
    return (one for one in objects if one["kind"] in kinds)


def get(objects: list[Object], kind: str, name: str) -> Object:
    return next(one for one in of(objects, kind) if one["metadata"]["name"] == name)


def has(objects: list[Object], kind: str, name: str) -> bool:
    return any(one["metadata"]["name"] == name for one in of(objects, kind))


@dataclass(frozen=True)
class Workload:
    """A Deployment, StatefulSet or Job, and its pods."""

    object: Object

    @property
    def name(self) -> str:
        return str(self.object["metadata"]["name"])

    @property
    def replicas(self) -> int:
        return int(self.object["spec"].get("replicas", 1))

    @property
    def labels(self) -> dict[str, str]:
        return dict(self.object["spec"]["template"]["metadata"]["labels"])

    @property
    def pod(self) -> Object:
        found: Object = self.object["spec"]["template"]["spec"]
        return found

    @property
    def containers(self) -> list[Object]:
        return [*self.pod["containers"], *self.pod.get("initContainers", [])]

    @property
    def serves(self) -> bool:
        return self.labels.get("app.kubernetes.io/component") == "service"

    @property
    def ports(self) -> dict[str, int]:
        found = (port for one in self.containers for port in one.get("ports", []))
        return {port["name"]: port["containerPort"] for port in found}

    def mounted(self, container: Object) -> dict[str, str]:
        """Give path → the content of its file, for what Secrets and ConfigMaps bring."""
        volumes = {one["name"]: one for one in self.pod["volumes"]}
        found: dict[str, str] = {}
        for mount in container.get("volumeMounts", []):
            for name in sources(volumes[mount["name"]]):
                for key, text in given().get(name, {}).items():
                    found[f"{mount['mountPath']}/{key}"] = text
        return found


def workloads(objects: list[Object]) -> list[Workload]:
    return [Workload(one) for one in of(objects, "Deployment", "StatefulSet", "Job")]


def sources(volume: Object) -> list[str]:
    """Name the Secrets and ConfigMaps of a volume."""
    parts = volume.get("projected", {}).get("sources", [volume])
    secrets = [one["secret"] for one in parts if "secret" in one]
    maps = [one["configMap"] for one in parts if "configMap" in one]
    return [one.get("secretName") or one["name"] for one in (*secrets, *maps)]


def env(container: Object) -> dict[str, str]:
    return {one["name"]: one.get("value", "") for one in container.get("env", [])}


_kept: dict[str, dict[str, str]] = {}


def given() -> Mapping[str, Mapping[str, str]]:
    """Give what `heli cluster secrets` makes: name of the Secret or ConfigMap → its files."""
    assert _kept, "the fixture `secrets` fills it"
    return _kept


def make_secrets(folder: Path) -> None:
    """Let `heli cluster secrets` make everything."""
    made = cluster.manifests(folder, database="heli-db-rw", message="nats")
    for one in made["items"]:
        _kept[one["metadata"]["name"]] = one.get("stringData") or one["data"]


# Who may talk to whom ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Peer:
    """Somebody who sends or receives; `ours` stands under our policies."""

    name: str
    labels: Mapping[str, str]
    ports: Mapping[str, int]
    namespace: Mapping[str, str]
    ours: bool = True


HERE = {"kubernetes.io/metadata.name": "heli"}
OUTSIDE = (
    Peer("edge", {}, {}, {"heli-edge": "true"}, ours=False),
    Peer("prometheus", {}, {}, {"heli-monitoring": "true"}, ours=False),
    Peer(
        "operator",
        {"app.kubernetes.io/name": "cloudnative-pg"},
        {},
        {"kubernetes.io/metadata.name": "cnpg-system"},
        ours=False,
    ),
    Peer(
        "dns",
        {"k8s-app": "kube-dns"},
        {"dns": 53},
        {"kubernetes.io/metadata.name": "kube-system"},
        ours=False,
    ),
    Peer("stranger", {"app.kubernetes.io/name": "gateway"}, {"any": 1}, {}, ours=False),
)


def peers(objects: list[Object]) -> list[Peer]:
    found = [
        Peer(
            one.name,
            one.labels,
            {
                port["name"]: port["containerPort"]
                for c in one.containers
                for port in c.get("ports", [])
            },
            HERE,
        )
        for one in workloads(objects)
    ]
    for one in of(objects, "Cluster"):
        labels = {"cnpg.io/cluster": one["metadata"]["name"]}
        found.append(Peer("database", labels, {"postgres": 5432, "status": 8000}, HERE))
    return [*found, *OUTSIDE]


def calls(objects: list[Object]) -> set[Call]:
    """Give every (from, to, port) that the policies allow; names of addresses as they stand."""
    policies = list(of(objects, "NetworkPolicy"))
    everybody = peers(objects)
    found = {
        (a.name, b.name, port)
        for a in everybody
        for b in everybody
        for port in b.ports.values()
        if (a.ours or b.ours)
        and (not a.ours or _allowed(policies, (a, b, port), out=True))
        and (not b.ours or _allowed(policies, (a, b, port), out=False))
    }
    for a in everybody:
        found |= _beyond(policies, a) if a.ours else set()
    return found


def _beyond(policies: list[Object], source: Peer) -> set[Call]:
    """Give calls to addresses, and to anywhere."""
    return {
        (source.name, to, int(port["port"]))
        for policy in _of(policies, source, "Egress")
        for rule in policy["spec"].get("egress", [])
        for to in [t["ipBlock"]["cidr"] for t in rule.get("to", []) if "ipBlock" in t]
        + ([] if "to" in rule else ["anywhere"])
        for port in rule["ports"]
    }


def _of(policies: list[Object], peer: Peer, kind: str) -> list[Object]:
    return [
        one
        for one in policies
        if kind in one["spec"]["policyTypes"] and matches(one["spec"]["podSelector"], peer.labels)
    ]


def _allowed(policies: list[Object], call: tuple[Peer, Peer, int], *, out: bool) -> bool:
    """Say whether the sender's (`out`) or the receiver's policies let a call pass."""
    sender, receiver, port = call
    own, other, way, side = (
        (sender, receiver, "egress", "to") if out else (receiver, sender, "ingress", "from")
    )
    standing = _of(policies, own, way.capitalize())
    rules = [rule for policy in standing for rule in policy["spec"].get(way, [])]
    return not standing or any(
        any(_is(one, other) for one in rule.get(side, []))
        and port in {receiver.ports.get(str(p["port"]), p["port"]) for p in rule.get("ports", [])}
        for rule in rules
    )


def _is(selector: Object, peer: Peer) -> bool:
    if "ipBlock" in selector:
        return False
    inside = (
        matches(selector["namespaceSelector"], peer.namespace)
        if "namespaceSelector" in selector
        else peer.ours
    )
    return inside and matches(selector.get("podSelector", {}), peer.labels)


def matches(selector: Object, labels: Mapping[str, str]) -> bool:
    """Say whether a label selector matches; an empty one matches all."""
    plain = all(labels.get(k) == v for k, v in selector.get("matchLabels", {}).items())
    for one in selector.get("matchExpressions", []):
        assert one["operator"] == "In", one
        plain = plain and labels.get(one["key"]) in one["values"]
    return plain
