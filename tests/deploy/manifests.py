"""Checks that no schema makes of the manifests as `kubectl kustomize` renders them: that they fit together.

Usage: manifests.py RENDERED MONITORING, both YAML files.
"""
import re
import sys
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
FINISH = 30  # seconds that the gateway gives requests in flight, after its drain
wrong = []


def wants(holds, what):
    if not holds:
        wrong.append(what)


def read(path):
    return [document for document in yaml.safe_load_all(Path(path).read_text()) if document]


def one(documents, kind, name):
    found = [document for document in documents if document["kind"] == kind and document["metadata"]["name"] == name]
    wants(len(found) == 1, f"there is one {kind} {name}")
    return found[0]


def is_restricted(workload):
    """The Pod Security Standard `restricted`, and a read-only root file system."""
    name, pod = workload["metadata"]["name"], workload["spec"]["template"]["spec"]
    context = pod["securityContext"]
    wants(context.get("runAsNonRoot") is True and context.get("runAsUser", 0) > 0, f"{name} does not run as root")
    wants(context.get("seccompProfile", {}).get("type") == "RuntimeDefault", f"{name} has a seccomp profile")
    wants(pod.get("automountServiceAccountToken") is False, f"{name} gets no token for the cluster")
    for container in pod["containers"]:
        inner = container["securityContext"]
        wants(inner.get("allowPrivilegeEscalation") is False, f"{name} gains no privileges")
        wants(inner.get("readOnlyRootFilesystem") is True, f"{name} does not write to its root file system")
        wants(inner.get("capabilities") == {"drop": ["ALL"]}, f"{name} has no capabilities")
        wants("memory" in container["resources"]["limits"] and "cpu" in container["resources"]["requests"], f"{name} declares its resources")
        tag = container["image"].rpartition(":")[2]
        wants(":" in container["image"] and tag != "latest", f"{container['image']} has a tag")
        mounted = {mount["name"] for mount in container.get("volumeMounts", [])}
        there = {volume["name"] for volume in pod.get("volumes", [])} | {claim["metadata"]["name"] for claim in workload["spec"].get("volumeClaimTemplates", [])}
        wants(mounted == there, f"{name} mounts exactly its volumes: {mounted ^ there}")


def seconds(duration):
    number, unit = re.fullmatch(r"(\d+)(s|m)", duration).groups()
    return int(number) * (60 if unit == "m" else 1)


def rolls_without_loss(deployment, settings):
    spec, pod = deployment["spec"], deployment["spec"]["template"]["spec"]
    wants(spec["strategy"]["rollingUpdate"]["maxUnavailable"] == 0, "no replica is removed before its successor is ready")
    wants("replicas" not in spec, "only the autoscaler sets the number of replicas")
    needed = seconds(settings["server"]["drain"]) + FINISH
    wants(pod["terminationGracePeriodSeconds"] > needed, f"a stopping pod has more than drain plus {FINISH} s: {needed} s")
    keys = {constraint["topologyKey"] for constraint in pod["topologySpreadConstraints"]}
    wants(keys == {"kubernetes.io/hostname", "topology.kubernetes.io/zone"}, "replicas are spread over nodes and zones")


def probes_are_right(deployment, settings):
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    listens = {"http": settings["server"]["listen"], "admin": settings["server"]["admin_listen"]}
    for name, address in listens.items():
        wants(address == f"0.0.0.0:{ports[name]}", f"port {name} is where the gateway listens: {address}")
    for probe, path in {"startupProbe": "/health/live", "livenessProbe": "/health/live", "readinessProbe": "/health/ready"}.items():
        asked = container[probe]["httpGet"]
        wants(asked["path"] == path and asked["port"] in ports, f"{probe} requests {path} at an existing port")


def names_meet(documents, monitoring, deployment):
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    ports = {port["name"] for port in deployment["spec"]["template"]["spec"]["containers"][0]["ports"]}
    fits = lambda wanted: wanted.items() <= labels.items()
    wants(fits(deployment["spec"]["selector"]["matchLabels"]), "the Deployment selects its own pods")
    for name in ("rollcall", "rollcall-admin"):
        service = one(documents, "Service", name)
        wants(fits(service["spec"]["selector"]), f"the Service {name} selects the pods")
        wants({port["targetPort"] for port in service["spec"]["ports"]} <= ports, f"the Service {name} leads to existing ports")
    for kind in ("PodDisruptionBudget", "NetworkPolicy"):
        found = one(documents, kind, "rollcall")["spec"]
        wants(fits((found.get("selector") or found.get("podSelector"))["matchLabels"]), f"the {kind} selects the pods")
    target = one(documents, "HorizontalPodAutoscaler", "rollcall")["spec"]
    wants(target["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "rollcall"}, "the autoscaler scales the Deployment")
    wants(target["minReplicas"] >= 2, "there are at least two replicas")
    monitor = one(monitoring, "ServiceMonitor", "rollcall")
    # The operator's definition of a ServiceMonitor requires some of this; the rest is needed to find any target.
    wants(monitor["apiVersion"] == "monitoring.coreos.com/v1", "the ServiceMonitor has the operator's version")
    wants(isinstance(monitor["spec"].get("endpoints"), list) and monitor["spec"]["endpoints"], "the ServiceMonitor has endpoints")
    service = one(documents, "Service", "rollcall-admin")
    wants(isinstance(monitor["spec"].get("selector"), dict), "the ServiceMonitor has a selector")
    wants(monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items(), "the ServiceMonitor selects the Service")
    offered = {port["name"] for port in service["spec"]["ports"]}
    for endpoint in monitor["spec"].get("endpoints", []):
        wants(endpoint.get("port") in offered and endpoint.get("path") == "/metrics", f"the ServiceMonitor scrapes /metrics at an existing port: {endpoint}")
    wants(monitor["spec"]["namespaceSelector"]["matchNames"] == [service["metadata"]["namespace"]], "the ServiceMonitor selects the namespace")


def configuration_is_mounted(documents, deployment):
    pod = deployment["spec"]["template"]["spec"]
    source = next(volume["configMap"]["name"] for volume in pod["volumes"] if "configMap" in volume)
    return tomllib.loads(one(documents, "ConfigMap", source)["data"]["rollcall.toml"])


if __name__ == "__main__":
    documents, monitoring = read(sys.argv[1]), read(sys.argv[2])
    deployment = one(documents, "Deployment", "rollcall")
    settings = configuration_is_mounted(documents, deployment)
    for workload in (document for document in documents if document["kind"] in ("Deployment", "StatefulSet")):
        is_restricted(workload)
    rolls_without_loss(deployment, settings)
    probes_are_right(deployment, settings)
    names_meet(documents, monitoring, deployment)
    sys.exit("\n".join(f"kubernetes: {fault}" for fault in wrong) or None)
