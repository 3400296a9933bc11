"""Checks that the dashboard and the alerts query existing metrics, labels, and label values.

Usage: queries.py METRICS..., files with the output of /metrics. Each query is parsed as Prometheus parses it.
"""
import json
import re
import sys
from pathlib import Path

import promql_parser as promql
import yaml

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
# Labels that Prometheus adds to every series, and a metric of its own.
ADDED = {"instance": None, "job": None}
OWN = {"up": {}}


def metrics(text):
    """By metric: each label and its values."""
    found = {}
    for line in text.splitlines():
        if line.startswith("#") or not line.strip():
            continue
        name, labels = re.match(r"([a-zA-Z_:][\w:]*)(?:\{(.*?)\}(?= ))?", line).groups()
        known = found.setdefault(name, {})
        for label, value in re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', labels or ""):
            known.setdefault(label, set()).add(value)
    return found


def queries():
    """Every query, with its place."""
    dashboard = json.loads((DEPLOY / "grafana/dashboard.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            yield f"dashboard, {panel['title']}", target["expr"]
    for note in dashboard["annotations"]["list"]:
        yield f"dashboard, {note['name']}", note["expr"]
    for group in yaml.safe_load((DEPLOY / "prometheus/alerts.yaml").read_text())["groups"]:
        for rule in group["rules"]:
            yield f"alert {rule['alert']}", rule["expr"]


def parts(expression):
    """An expression and all its subexpressions."""
    yield expression
    for name in ("expr", "lhs", "rhs", "vector_selector", "vs"):
        inner = getattr(expression, name, None)
        if inner is not None and not isinstance(inner, str):
            yield from parts(inner)
    for argument in getattr(expression, "args", None) or []:
        yield from parts(argument)


def selector_faults(selector, known):
    if selector.name not in known:
        return [f"there is no metric {selector.name}"]
    labels = {**known[selector.name], **ADDED}
    wrong = []
    for matcher in selector.matchers.matchers:
        values = labels.get(matcher.name, set())
        if matcher.name not in labels:
            wrong.append(f"{selector.name} has no label {matcher.name}")
        elif values is not None and matcher.op in (promql.MatchOp.Equal, promql.MatchOp.Re):
            wanted = matcher.value if matcher.op == promql.MatchOp.Re else re.escape(matcher.value)
            if not any(re.fullmatch(wanted, value) for value in values):
                wrong.append(f"{matcher.name} of {selector.name} is never {matcher.value}; seen: {sorted(values)[:9]}")
    return wrong


def faults(query, known):
    try:
        parsed = promql.parse(query.replace("$__rate_interval", "5m"))
    except ValueError as error:
        return [f"invalid PromQL: {error}"]
    inside = list(parts(parsed))
    selectors = [part for part in inside if isinstance(part, promql.VectorSelector)]
    wrong = [] if selectors else ["it selects no series"]
    for selector in selectors:
        wrong += selector_faults(selector, known)
    for part in inside:
        if isinstance(part, promql.AggregateExpr) and part.modifier:
            below = [known.get(selector.name, {}) for selector in parts(part.expr) if isinstance(selector, promql.VectorSelector)]
            there = set(ADDED).union(*below)
            wrong += [f"no aggregated series has the label {label}" for label in part.modifier.labels if label not in there]
    return wrong


if __name__ == "__main__":
    known = dict(OWN)
    for path in sys.argv[1:]:
        for name, labels in metrics(Path(path).read_text()).items():
            merged = known.setdefault(name, {})
            for label, values in labels.items():
                merged.setdefault(label, set()).update(values)
    asked = list(queries())
    wrong = [f"{place}: {fault}" for place, query in asked for fault in faults(query, known)]
    print(f"{len(asked)} queries, {len(known)} series names seen")
    sys.exit("\n".join(wrong) or None)
