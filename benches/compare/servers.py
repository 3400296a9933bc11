"""Rollcall and its peers: how each is started, and whether it is installed."""

import glob
import os
import shutil
import subprocess

import answers
from processes import CORES, Program, free_port, listens

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.normpath(os.path.join(HERE, "..", ".."))
PEERS = os.path.join(ROOT, "benches", "peers")
MODULES = os.path.join(ROOT, "target", "peers")

NGINX_MODULES = "/usr/lib/nginx/modules"


class Place:
    """The temporary folder of one comparison, and the programs measured in it."""

    def __init__(self, folder, gateway, backends):
        self.folder, self.gateway, self.backends_program = folder, gateway, backends
        self.started = 0

    def backends(self, milliseconds):
        """Both backends on the load's core, delaying each answer by this many milliseconds."""
        program = Program([self.backends_program, str(milliseconds)], CORES[1], self.log("backends"))
        program.port = int(program.first_line())
        return program

    def rollcall(self, backends, *settings):
        """The gateway, with `key=value` settings in addition to its file."""
        port = free_port()
        file = self.configured("rollcall.toml", PORT=port, BACKENDS=backends.port)
        command = [self.gateway, "serve", "--config", file]
        for setting in settings:
            command += ["--set", setting]
        return self.start("rollcall", command, port, is_ready=answers.is_ready)

    def nginx(self, name, backends=None):
        """nginx with `benches/peers/nginx-NAME.conf`."""
        port = free_port()
        known = {"PORT": port, "BEHIND": free_port(), "BACKENDS": backends.port if backends else 0, "DIR": self.folder, "PEERS": PEERS}
        file = self.configured(f"nginx-{name}.conf", **known)
        user = ["-g", "user root;"] if os.geteuid() == 0 else []
        return self.start(f"nginx-{name}", [nginx(), "-p", self.folder, "-c", file, *user], port)

    def fastify(self, backends):
        """Node with Fastify and undici."""
        port = free_port()
        environment = {"NODE_ENV": "production", "PEER_MODULES": MODULES, "PORT": str(port), "BACKENDS": str(backends.port)}
        return self.start("fastify", ["node", os.path.join(PEERS, "fastify.mjs")], port, environment)

    def krakend(self, backends):
        """KrakenD from the PATH."""
        port = free_port()
        file = self.configured("krakend.json", BACKENDS=backends.port)
        return self.start("krakend", ["krakend", "run", "-c", file, "-p", str(port)], port)

    def start(self, name, command, port, environment=None, is_ready=listens):
        """Starts a program on the first core and waits until it is ready."""
        return Program(command, CORES[0], self.log(name), environment, port).until(is_ready)

    def log(self, name):
        """The path of a new log file."""
        self.started += 1
        return os.path.join(self.folder, f"{name}-{self.started}.log")

    def configured(self, name, **known):
        """A copy of a file of `benches/peers` with each known @NAME@ replaced."""
        with open(os.path.join(PEERS, name), encoding="utf-8") as template:
            text = template.read()
        for word, value in known.items():
            text = text.replace(f"@{word}@", str(value))
        self.started += 1
        path = os.path.join(self.folder, f"{self.started}-{name}")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path


def nginx():
    """The path of nginx; Debian's is only on the administrator's PATH."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


def has_lua():
    """Whether nginx can run join.lua."""
    modules = [f"{NGINX_MODULES}/ndk_http_module.so", f"{NGINX_MODULES}/ngx_http_lua_module.so", "/usr/lib/*/lua/5.1/cjson.so"]
    return bool(nginx()) and all(glob.glob(module) for module in modules)


def has_fastify():
    """Whether Node and its modules are installed."""
    return bool(shutil.which("node")) and os.path.isdir(os.path.join(MODULES, "node_modules", "fastify"))


def versions():
    """Names and versions of the measured programs."""
    said = []
    if nginx():
        said.append(output([nginx(), "-v"]).replace("nginx version: nginx/", "nginx "))
    if has_fastify():
        said.append(f"Node {output(['node', '--version'])}")
    if shutil.which("krakend"):
        said.append("KrakenD")
    return said


def output(command):
    """The first line that a command prints."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    return next(iter((done.stdout + done.stderr).splitlines()), "")
