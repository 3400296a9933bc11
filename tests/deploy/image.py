"""Checks of the Dockerfile and .dockerignore that no linter makes: which user the image runs as, and that it can be built."""
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SECRET = re.compile(r"secret|password|token|key", re.IGNORECASE)


def instructions(text):
    """The instructions of a Dockerfile as (NAME, rest), continued lines joined, comments removed."""
    lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    joined = re.sub(r"\\\n\s*", " ", lines)
    return [(line.split(None, 1)[0].upper(), line.split(None, 1)[1]) for line in joined.splitlines() if line.strip()]


def faults(text, ignored, manifest):
    """All faults, as the list of conditions that do not hold."""
    found = instructions(text)
    stages = [at for at, (name, _) in enumerate(found) if name == "FROM"]
    last = found[stages[-1]:]
    wrong = []

    def wants(holds, what):
        if not holds:
            wrong.append(what)

    def last_of(name):
        return next((rest for other, rest in reversed(last) if other == name), "")

    user = last_of("USER").split(":")[0]
    wants(user.isdigit() and int(user) > 0, "the last stage has a USER by number, and it is not root")
    wants(last_of("HEALTHCHECK").endswith('CMD ["/usr/local/bin/rollcall", "health"]'), "HEALTHCHECK is `rollcall health`, without a shell")
    wants(last_of("STOPSIGNAL") == "SIGTERM", "STOPSIGNAL is SIGTERM")
    wants(last_of("ENTRYPOINT").startswith("["), "ENTRYPOINT has no shell, so signals reach the program")
    wants(set(last_of("EXPOSE").split()) == {"8080", "9090"}, "EXPOSE names both ports")
    wants(last_of("LABEL").count("org.opencontainers.image.") >= 6, "the OCI labels are present")

    arguments = dict(rest.split("=", 1) for name, rest in found if name == "ARG" and "=" in rest)
    wants(arguments.get("RUST_VERSION") == manifest["package"]["rust-version"], "RUST_VERSION is rust-version of Cargo.toml")
    wants(arguments.get("VERSION") == manifest["package"]["version"], "VERSION is the version of Cargo.toml")
    for name in (rest.split("=")[0] for kind, rest in found if kind in ("ARG", "ENV")):
        wants(not SECRET.search(name), f"{name} looks like a secret, and would stay in a layer")
        if name not in ("ROLLCALL_CONFIG", "ROLLCALL_REVISION"):
            wants(re.search(rf"\b{name}\b", text.split("ARG ", 1)[0]), f"the argument {name} is explained at the beginning")
    for at in stages:
        image = found[at][1].split()[0]
        wants(":" in image and not image.endswith(":latest"), f"{image} has a tag")

    copied = [rest.split() for name, rest in found if name in ("COPY", "ADD") and not rest.startswith("--from")]
    sources = [source for words in copied for source in words[:-1] if not source.startswith("--")]
    for source in sources:
        wants((ROOT / source).exists(), f"COPY {source}: the file does not exist")
        wants(f"!{source}" in ignored, f"COPY {source}: .dockerignore keeps it out")
    wants(ignored[0] == "*" and len(ignored) == len(sources) + 1, ".dockerignore lets in what is copied, and nothing else")
    for name, rest in found:
        for build in re.findall(r"cargo build[^&]*", rest) if name == "RUN" else []:
            wants("--locked" in build and "--profile dist" in build, f"{build.strip()} builds with --locked and --profile dist")
    wants(any(name == "RUN" and "bash deploy/build.sh" in rest for name, rest in found), "deploy/build.sh builds the program")
    return wrong


if __name__ == "__main__":
    ignored = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    wrong = faults((ROOT / "Dockerfile").read_text(), ignored, tomllib.loads((ROOT / "Cargo.toml").read_text()))
    sys.exit("\n".join(f"Dockerfile: {fault}" for fault in wrong) or None)
