"""What must hold of every build: each function names what does not hold."""

import json
import re
from collections.abc import Callable, Iterator

from tests.deploy.manifests import (
    Object,
    Workload,
    env,
    get,
    given,
    has,
    matches,
    of,
    sources,
    workloads,
)

from contracts.services import GATEWAY, SERVICES, STREAMS
from gateway.settings import Settings as GatewaySettings
from heli import cluster
from heli.sandbox.app import Settings as SandboxSettings
from kit.intake import HEALTH
from kit.serving import DRAIN_S
from kit.settings import MigrateSettings, ServiceSettings
from kit.workbook_reader import MEMORY

_BESIDE_A_READER = 256 * 1024**2  # what the service itself takes
_TRIES = 20

Faults = Iterator[str]
PRE_STOP_S = 5
_PINNED = re.compile(r".+(:(?!latest$)[\w][\w.-]*|@sha256:[0-9a-f]{64})$")
# Made by others: the operator's CA, the object store's key, the edge's certificate.
_FOREIGN_SECRETS = {"heli-db-ca"}


def images_are_pinned(objects: list[Object]) -> Faults:
    for one in workloads(objects):
        for container in one.containers:
            if not _PINNED.match(container["image"]):
                yield f"{one.name}: {container['image']}"
    for each in of(objects, "Cluster"):
        if not _PINNED.match(each["spec"]["imageName"]):
            yield f"{each['metadata']['name']}: {each['spec']['imageName']}"


def pods_are_closed(objects: list[Object]) -> Faults:
    """Hold every pod to Pod Security `restricted`, with a root that cannot be written."""
    for one in workloads(objects):
        pod = one.pod
        about = pod.get("securityContext", {})
        if about.get("runAsNonRoot") is not True or not about.get("runAsUser"):
            yield f"{one.name}: may run as root"
        if about.get("seccompProfile") != {"type": "RuntimeDefault"}:
            yield f"{one.name}: no seccomp profile"
        if pod.get("automountServiceAccountToken") is not False:
            yield f"{one.name}: has a token of the cluster"
        if pod.get("enableServiceLinks") is not False:
            yield f"{one.name}: gets variables of every Service"
        if any(key in pod for key in ("hostNetwork", "hostPID", "hostIPC")):
            yield f"{one.name}: shares the host"
        if any("hostPath" in volume for volume in pod["volumes"]):
            yield f"{one.name}: sees the host's files"
        closed = {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        for container in one.containers:
            if container.get("securityContext") != closed:
                yield f"{one.name}/{container['name']}: {container.get('securityContext')}"


def accounts_are_their_own(objects: list[Object]) -> Faults:
    names = [one.pod.get("serviceAccountName") for one in workloads(objects)]
    if len(set(names)) != len(names):
        yield f"shared accounts: {names}"
    for name in names:
        if not has(objects, "ServiceAccount", str(name)):
            yield f"no account {name}"


def services_start_and_end_in_order(objects: list[Object]) -> Faults:
    for one in workloads(objects):
        if not one.serves:
            continue
        container = one.pod["containers"][0]
        probes = {
            "startupProbe": "/livez",
            "livenessProbe": "/livez",
            "readinessProbe": "/readyz",
        }
        for probe, path in probes.items():
            if container.get(probe, {}).get("httpGet") != {"path": path, "port": "http"}:
                yield f"{one.name}: {probe} does not ask {path}"
        if container.get("lifecycle") != {"preStop": {"sleep": {"seconds": PRE_STOP_S}}}:
            yield f"{one.name}: takes no time to leave its endpoints"
        if one.pod.get("terminationGracePeriodSeconds", 30) < PRE_STOP_S + DRAIN_S + 10:
            yield f"{one.name}: is killed while it drains"
        if one.object["spec"].get("strategy", {}).get("rollingUpdate", {}).get("maxUnavailable"):
            yield f"{one.name}: a release takes one away"


def everything_is_probed(objects: list[Object]) -> Faults:
    for one in workloads(objects):
        for container in one.containers if one.object["kind"] != "Job" else []:
            for probe in ("livenessProbe", "readinessProbe"):
                if probe not in container:
                    yield f"{one.name}/{container['name']}: no {probe}"


def resources_are_stated(objects: list[Object]) -> Faults:
    for one in workloads(objects):
        for container in one.containers:
            stated = container.get("resources", {})
            wanted = {"requests": {"cpu", "memory"}, "limits": {"memory"}}
            for kind, keys in wanted.items():
                if not keys <= set(stated.get(kind, {})):
                    yield f"{one.name}/{container['name']}: {kind} {stated.get(kind)}"
        for volume in one.pod["volumes"]:
            if "emptyDir" in volume and "sizeLimit" not in volume["emptyDir"]:
                yield f"{one.name}: {volume['name']} may fill the node"


def a_workbooks_reader_fits(objects: list[Object]) -> Faults:
    """Hold limits above what a workbook's reader may take: beyond it the whole pod is killed."""
    for one in workloads(objects):
        if not one.serves or one.name == GATEWAY.name:
            continue
        limit = one.containers[0]["resources"]["limits"]["memory"]
        if int(limit.removesuffix("Mi")) * 1024**2 < MEMORY + _BESIDE_A_READER:
            yield f"{one.name}: {limit}"


def the_job_outlasts_a_first_apply(objects: list[Object]) -> Faults:
    """Hold the Job's restarts, counted over all its containers, above an hour's worth of each."""
    for one in workloads(objects):
        if one.object["kind"] == "Job":
            tries = int(one.object["spec"]["backoffLimit"])
            if tries < _TRIES * len(one.containers):
                yield f"{one.name}: {tries} tries"


def the_edge_shows_nothing_of_the_inside(objects: list[Object]) -> Faults:
    for each in of(objects, "Ingress"):
        for rule in each["spec"]["rules"]:
            for path in rule["http"]["paths"]:
                if path["pathType"] != "Exact" and any(
                    one.startswith(path["path"]) for one in HEALTH
                ):
                    yield f"{path['path']}: shows {sorted(HEALTH)}"


def several_keep_a_budget(objects: list[Object]) -> Faults:
    """Hold every workload of services and NATS under exactly one disruption budget."""
    for one in workloads(objects):
        if not (one.serves or one.object["kind"] == "StatefulSet"):
            continue
        budgets = [
            each["spec"]
            for each in of(objects, "PodDisruptionBudget")
            if matches(each["spec"]["selector"], one.labels)
        ]
        if len(budgets) != 1:
            yield f"{one.name}: {len(budgets)} budgets"
        elif one.replicas > 1 and not (
            budgets[0].get("minAvailable") == 1 or budgets[0].get("maxUnavailable") == 1
        ):
            yield f"{one.name}: {budgets[0]}"


def walls_stand(objects: list[Object]) -> Faults:
    """Hold that nothing is open that no policy names, and that a policy names every pod."""
    policies = list(of(objects, "NetworkPolicy"))
    closed = [
        one
        for one in policies
        if one["spec"]["podSelector"] == {}
        and set(one["spec"]["policyTypes"]) == {"Ingress", "Egress"}
        and not one["spec"].get("ingress")
        and not one["spec"].get("egress")
    ]
    if not closed:
        yield "nothing is denied by default"
    for one in workloads(objects):
        named = [
            policy
            for policy in policies
            if policy["spec"]["podSelector"] and matches(policy["spec"]["podSelector"], one.labels)
        ]
        if not named:
            yield f"{one.name}: no policy names it"


def secrets_are_files(objects: list[Object]) -> Faults:
    secret = {"database_url", "nats_url", "owner_url", "nats_admin_url"}
    known = {
        value for files in given().values() for name, value in files.items() if name != "username"
    }
    for one in workloads(objects):
        for container in one.containers:
            where = f"{one.name}/{container['name']}"
            if "envFrom" in container:
                yield f"{where}: variables from somewhere"
            for each in container.get("env", []):
                name = each["name"].removeprefix("HELI_").lower()
                if name in secret or "secretKeyRef" in each.get("valueFrom", {}):
                    yield f"{where}: {each['name']} is a secret"
            shown = [*env(container).values(), *map(str, container.get("args", []))]
            shown += map(str, container.get("command", []))
            for text in shown:
                if text in known or re.search(r"://[^/]*:[^/]*@", text):
                    yield f"{where}: shows a secret"


def mounts_exist(objects: list[Object]) -> Faults:
    """Hold that what is mounted is declared, and made by `heli cluster secrets`."""
    maps = {one["metadata"]["name"] for one in of(objects, "ConfigMap")}
    known = set(given()) | maps | _FOREIGN_SECRETS
    for one in workloads(objects):
        claims = {c["metadata"]["name"] for c in one.object["spec"].get("volumeClaimTemplates", [])}
        volumes = {volume["name"] for volume in one.pod["volumes"]} | claims
        mounted = {m["name"] for c in one.containers for m in c.get("volumeMounts", [])}
        if mounted != volumes:
            yield f"{one.name}: volumes {sorted(volumes)}, mounted {sorted(mounted)}"
        for volume in one.pod["volumes"]:
            for name in sources(volume):
                if name not in known:
                    yield f"{one.name}: {name} is made by nobody"


def _settings(one: Workload, container: Object) -> type[ServiceSettings | MigrateSettings] | None:
    if container.get("args", [])[1:] == ["migrate"]:
        return MigrateSettings
    if not one.serves:
        return None
    return GatewaySettings if one.name == GATEWAY.name else ServiceSettings


def settings_are_known_and_whole(objects: list[Object]) -> Faults:
    """Hold variables and mounted files against the fields of each process's settings."""
    for one in workloads(objects):
        for container in one.containers:
            kind = _settings(one, container) or (SandboxSettings if one.name == "sandbox" else None)
            if kind is None:
                continue
            where = f"{one.name}/{container['name']}"
            said = {name.lower() for name in env(container) if name.startswith("HELI_")}
            folder = env(container).get("HELI_SECRETS", "")
            named = set(env(container).values())  # files that a variable points to
            files = {
                path.rpartition("/")[2]
                for path in one.mounted(container)
                if folder and path.startswith(f"{folder}/") and path not in named
            }
            fields = {f"heli_{name}": field for name, field in kind.model_fields.items()}
            for name in sorted((said | files) - set(fields) - {"heli_secrets"}):
                yield f"{where}: {name.upper()} is no setting"
            for name, field in fields.items():
                if field.is_required() and name not in said | files:
                    yield f"{where}: {name.upper()} is not given"


def files_are_where_settings_say(objects: list[Object]) -> Faults:
    for one in workloads(objects):
        for container in one.containers:
            for name in ("HELI_KEYS", "HELI_SIGNING_KEY", "HELI_BOOTSTRAP", "HELI_COLUMN_KEYS"):
                path = env(container).get(name)
                if path and path not in one.mounted(container):
                    yield f"{one.name}: {name} names {path}, which is not mounted"


def production_is_production(objects: list[Object]) -> Faults:
    for one in workloads(objects):
        for container in one.containers if one.serves else []:
            said = env(container)
            if said.get("HELI_MODE") != "production" or "HELI_CLOCK_OFFSET_DAYS" in said:
                yield f"{one.name}: {said.get('HELI_MODE')}"


def only_the_gateway_signs(objects: list[Object]) -> Faults:
    for one in workloads(objects):
        names = {name for volume in one.pod["volumes"] for name in sources(volume)}
        if ("heli-signing-key" in names) != (one.name == GATEWAY.name):
            yield f"{one.name}: {sorted(names)}"


def secrets_stay_with_their_owner(objects: list[Object]) -> Faults:
    """Hold that a service mounts its own Secret alone, and the owners' URLs are migrate's."""
    for one in workloads(objects):
        names = {name for volume in one.pod["volumes"] for name in sources(volume)}
        foreign = {f"heli-{s.name}" for s in SERVICES if s.name != one.name} & names
        owners = {f"heli-{s.name}-owner" for s in SERVICES} | {"heli-nats-admin"}
        if foreign or (one.name != "migrate" and owners & names):
            yield f"{one.name}: {sorted(foreign | owners & names)}"


def the_gateway_knows_the_services(objects: list[Object]) -> Faults:
    known = json.loads(
        env(get(objects, "Deployment", "gateway")["spec"]["template"]["spec"]["containers"][0])[
            "HELI_SERVICES"
        ]
    )
    wanted = {one.name: f"http://{one.name}:8000" for one in SERVICES if one is not GATEWAY}
    if known != wanted:
        yield f"{known}"
    for service in SERVICES:
        if not has(objects, "Service", service.name):
            yield f"no Service {service.name}"


def services_reach_their_pods(objects: list[Object]) -> Faults:
    for one in of(objects, "Service"):
        name, spec = one["metadata"]["name"], one["spec"]
        pods = [
            w for w in workloads(objects) if matches({"matchLabels": spec["selector"]}, w.labels)
        ]
        if len(pods) != 1:
            yield f"{name}: selects {[w.name for w in pods]}"
            continue
        for port in spec["ports"]:
            if port["targetPort"] not in pods[0].ports:
                yield f"{name}: no port {port['targetPort']}"
    for each in workloads(objects):
        selector = each.object["spec"].get("selector")
        if selector and not matches(selector, each.labels):
            yield f"{each.name}: does not select its own pods"


def everything_is_labelled(objects: list[Object]) -> Faults:
    for one in objects:
        if one["metadata"].get("labels", {}).get("app.kubernetes.io/part-of") != "heli":
            yield f"{one['kind']} {one['metadata']['name']}"


def every_schema_is_migrated(objects: list[Object]) -> Faults:
    job = Workload(get(objects, "Job", "migrate"))
    found = {tuple(c["args"]): env(c).get("HELI_APP_ROLE") for c in job.containers}
    wanted = {(f"{s.package}.app", "migrate"): f"{s.package}_app" for s in SERVICES}
    if found != wanted:
        yield f"{found}"
    for container in job.containers:
        serving = get(objects, "Deployment", container["name"])
        image = serving["spec"]["template"]["spec"]["containers"][0]["image"]
        if image != container["image"]:
            yield f"{container['name']}: migrates with {container['image']}, serves with {image}"


def streams_have_three_copies(objects: list[Object]) -> Faults:
    if not has(objects, "StatefulSet", "nats"):
        return
    nodes = Workload(get(objects, "StatefulSet", "nats"))
    job = Workload(get(objects, "Job", "migrate"))
    copies = [env(c)["HELI_REPLICAS"] for c in job.containers if "HELI_REPLICAS" in env(c)]
    if copies != [str(cluster.NODES)] or nodes.replicas != cluster.NODES:
        yield f"{copies} copies on {nodes.replicas} nodes"
    size = nodes.object["spec"]["volumeClaimTemplates"][0]["spec"]["resources"]["requests"]
    volume_mb = int(size["storage"].removesuffix("Gi")) * 1024
    streams_mb = sum(stream.max_bytes for stream in STREAMS) // 2**20
    if not streams_mb <= cluster.STORE_MB <= 0.7 * volume_mb:
        yield f"streams {streams_mb} MB, store {cluster.STORE_MB} MB, volume {volume_mb} MB"


def nats_syncs_every_message(objects: list[Object]) -> Faults:
    for one in of(objects, "ConfigMap"):
        text = one["data"].get("nats.conf")
        if text is not None and text != cluster.nats_conf():
            yield "nats.conf is not what heli.cluster writes: run make docs"
        if text is not None and "sync_interval: always" not in text:
            yield "an acknowledged message may be lost"


def connections_fit(objects: list[Object]) -> Faults:
    """Hold pools, overflow and leaders' locks, during a release, under 70 % of the server's."""
    for each in of(objects, "Cluster"):
        offered = int(each["spec"]["postgresql"]["parameters"]["max_connections"])
        wanted = 0
        for one in workloads(objects):
            for container in one.containers if one.serves else []:
                surge = int(one.object["spec"]["strategy"]["rollingUpdate"]["maxSurge"])
                wanted += (one.replicas + surge) * (2 * int(env(container)["HELI_POOL_SIZE"]) + 1)
        if wanted > 0.7 * offered:
            yield f"{wanted} of {offered} connections"


def databases_are_six(objects: list[Object]) -> Faults:
    for each in of(objects, "Cluster"):
        roles = {
            role["name"]: role["passwordSecret"]["name"]
            for role in each["spec"]["managed"]["roles"]
        }
        wanted = {
            f"{s.package}_{kind}": f"heli-db-{s.name}-{kind}"
            for s in SERVICES
            for kind in ("owner", "app")
        }
        if roles != wanted:
            yield f"roles {sorted(roles)}"
        for name in wanted.values():
            if given()[name]["username"] not in roles:
                yield f"{name}: {given()[name]['username']} is no role"
        made = {d["spec"]["name"]: d["spec"]["owner"] for d in of(objects, "Database")}
        if made != {s.package: f"{s.package}_owner" for s in SERVICES}:
            yield f"databases {made}"


POLICIES: tuple[Callable[[list[Object]], Faults], ...] = (
    images_are_pinned,
    pods_are_closed,
    accounts_are_their_own,
    services_start_and_end_in_order,
    everything_is_probed,
    resources_are_stated,
    a_workbooks_reader_fits,
    the_job_outlasts_a_first_apply,
    the_edge_shows_nothing_of_the_inside,
    several_keep_a_budget,
    walls_stand,
    secrets_are_files,
    mounts_exist,
    settings_are_known_and_whole,
    files_are_where_settings_say,
    production_is_production,
    only_the_gateway_signs,
    secrets_stay_with_their_owner,
    the_gateway_knows_the_services,
    services_reach_their_pods,
    everything_is_labelled,
    every_schema_is_migrated,
    streams_have_three_copies,
    nats_syncs_every_message,
    connections_fit,
    databases_are_six,
)
