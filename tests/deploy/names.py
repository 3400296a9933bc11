"""Checks that everything the files of deploy/ name exists: files, services, ports, tests of alerts.

Usage: names.py COMPOSE, the JSON file that `docker-compose config --format json` writes.
"""
import json
import re
import sys
import tomllib
from ipaddress import ip_address, ip_network
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
SECRETS = "compose/secrets/"  # created by compose/new-secrets.sh, never in the repository
wrong = []


def wants(holds, what):
    if not holds:
        wrong.append(what)


def read(name):
    return yaml.safe_load((DEPLOY / name).read_text())


def compose(project):
    services = project["services"]
    for name, service in services.items():
        wants(service.get("read_only"), f"compose: {name} does not write to its root file system")
        wants("no-new-privileges:true" in service.get("security_opt", []), f"compose: {name} gains no privileges")
        wants(service.get("cap_drop") == ["ALL"], f"compose: {name} has no capabilities")
        wants(name.startswith("gateway") or "profiles" in service or "healthcheck" in service, f"compose: {name} has a health check")
        tag = service["image"].rpartition(":")[2]
        wants("/" not in tag and tag != "latest", f"compose: {service['image']} has a tag")
        for mount in service.get("volumes", []):
            if mount["type"] == "bind":
                wants(Path(mount["source"]).exists(), f"compose: {name} mounts {mount['source']}, which does not exist")
                wants(mount.get("read_only"), f"compose: {name} may not write to {mount['source']}")
    made = set(re.findall(r"\b(?:keep|ask) ([a-z.-]+)", (DEPLOY / "compose/new-secrets.sh").read_text()))
    named = {Path(secret["file"]).name for secret in project["secrets"].values()}
    wants(all(f"{SECRETS}{name}" in secret["file"] for name in named for secret in project["secrets"].values() if secret["file"].endswith(name)), "compose: secrets are in their folder")
    wants(made == named, f"compose: new-secrets.sh creates exactly the secrets that are used: {made ^ named}")
    replicas = [name for name in services if name.startswith("gateway-")]
    states = {mount["source"] for name in replicas for mount in services[name]["volumes"] if mount["type"] == "volume"}
    wants(len(replicas) == 2 and len(states) == 2, "compose: two replicas, each with a volume of its own")
    settings = tomllib.loads((DEPLOY / "compose/rollcall.toml").read_text())
    edge = project["networks"]["edge"]["ipam"]["config"][0]
    haproxy = (services["haproxy"]["networks"]["edge"] or {}).get("ipv4_address")
    wants(settings["server"]["trusted_proxies"] == [haproxy], "compose: only HAProxy is trusted, not its network: callers may appear to come from the bridge")
    is_apart = haproxy and ip_address(haproxy) in ip_network(edge["subnet"]) and ip_address(haproxy) not in ip_network(edge.get("ip_range", edge["subnet"]))
    wants(is_apart, "compose: HAProxy has an address of its own in its network, which nothing else is given")
    shared = set(services["haproxy"]["networks"]) & set(services["gateway-1"]["networks"])
    wants(shared == {"edge"}, "compose: HAProxy reaches the replicas only through the trusted network")
    return services


def addresses(services):
    """Every NAME:PORT in the other files is a service of compose.yaml."""
    texts = {name: (DEPLOY / name).read_text() for name in ("haproxy.cfg", "nginx.conf", "prometheus/prometheus.yml", "grafana/provisioning/datasources/prometheus.yaml")}
    for name, text in texts.items():
        code = "\n".join(line.split("#")[0] for line in text.splitlines())
        found = set(re.findall(r"\b((?:gateway-\d|haproxy|prometheus|valkey|grafana)):(\d+)", code))
        wants(found, f"{name} names services")
        for host, port in found:
            wants(host in services and port in ("8080", "9090", "8404"), f"{name} names {host}:{port}")


def grafana():
    dashboard = json.loads((DEPLOY / "grafana/dashboard.json").read_text())
    source = read("grafana/provisioning/datasources/prometheus.yaml")["datasources"][0]["uid"]
    used = set(re.findall(r'"uid": "(\w+)"', json.dumps([dashboard["panels"], dashboard["annotations"]])))
    wants(used == {source}, f"the dashboard uses the provisioned datasource: {used}")
    ids = [panel["id"] for panel in dashboard["panels"]]
    wants(len(ids) == len(set(ids)), "each panel has an id of its own")
    folder = read("grafana/provisioning/dashboards/rollcall.yaml")["providers"][0]["options"]["path"]
    wants(f":{folder}/" in (DEPLOY / "compose.yaml").read_text(), "the dashboard is mounted where Grafana looks for it")


def alerts():
    tested = (ROOT / "tests/deploy/alerts_test.yaml").read_text()
    explained = (DEPLOY / "README.md").read_text()
    for rule in (rule for group in read("prometheus/alerts.yaml")["groups"] for rule in group["rules"]):
        name = rule["alert"]
        wants(f'alertname="{name}"' in tested, f"{name} has a test")
        wants(rule["labels"]["severity"] in ("page", "ticket"), f"{name} has a severity")
        wants(len(rule["annotations"].get("action", "")) > 40, f"{name} says what to do")
        wants(f"`{name}`" in explained, f"{name} is explained in deploy/README.md")


def documents():
    """Links and paths in the documents, and the files that each kustomization names."""
    for document in (DEPLOY / "README.md", ROOT / "README.md"):
        text = document.read_text()
        for link in re.findall(r"\]\((?!https?://|#)([^)#]+)", text):
            wants((document.parent / link).exists(), f"{document.name} links to {link}, which does not exist")
        for path in re.findall(r"(?<![\w./-])((?:deploy|tests)/[\w./-]*\w)", text):
            wants(SECRETS.rstrip("/") in path or (ROOT / path).exists(), f"{document.name} names {path}, which does not exist")
    for kustomization in DEPLOY.glob("kubernetes/**/kustomization.yaml"):
        there = {path.name for path in kustomization.parent.glob("*.yaml")} - {"kustomization.yaml"}
        named = set(yaml.safe_load(kustomization.read_text())["resources"])
        wants(there == named, f"{kustomization.parent.name}: the kustomization names exactly its files: {there ^ named}")


if __name__ == "__main__":
    services = compose(json.loads(Path(sys.argv[1]).read_text()))
    addresses(services)
    grafana()
    alerts()
    documents()
    sys.exit("\n".join(wrong) or None)
