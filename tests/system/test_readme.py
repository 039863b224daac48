"""The README's migration, three ways, each followed word by word."""

import os
import re
import subprocess

from common import REPOSITORY, assert_equal_soon, prepare
from harness.daemon import PATIENCE, build_dir
from harness.runner import needs, tags, timeout


def commands(way):
    """The indented lines below the README's heading of one way, as they stand."""
    with open(os.path.join(REPOSITORY, "README.md"), encoding="utf-8") as file:
        section = file.read().split(f"### With {way}\n")[1].split("\n##")[0]
    return re.sub(r"\n{2,}", "\n", "\n".join(line[4:] for line in section.splitlines() if not line or line.startswith("    ")))


def scene(env):
    """Two servers, their accounts, a daemon."""
    source, target = env.source("mariadb"), env.target("mariadb")
    prepare(source, target, "shop", rows=300)
    for server in (source, target):
        server.create_user("mover", "secret")
    return source, target, env.daemon()


@tags("quick")
@needs("mariadb")
def test_ten_lines_of_curl(env):
    source, target, daemon = scene(env)
    text = commands("curl")
    assert len([line for line in text.splitlines() if line.startswith("call ")]) == 5, text
    # only what the reader replaces too: the data directory, the addresses, and the ids he was answered
    text = text.replace("D/", f"{daemon.data_dir}/")
    for host, server in (("10.0.0.1", source), ("10.0.0.2", target)):
        text = text.replace(f'"ip":"{host}","port":3306', f'"ip":"127.0.0.1","port":{server.port}')
    head, *calls = re.split(r"^(?=call )", text, flags=re.M)
    answered, output = [], ""
    for call in calls:
        for placeholder in re.findall(r"(?:e|np)_…", call):
            candidates = [value for value in answered if value.startswith(placeholder[:-1])]
            call = call.replace(placeholder, candidates[0] if call.index(placeholder) < call.rfind("e_…") else candidates[-1], 1)
        done = subprocess.run(["bash", "-c", head + call], capture_output=True, text=True, timeout=30, check=True)
        output = done.stdout
        assert '"success":true' in output.replace(" ", ""), output
        answered += re.findall(r'"data": ?"((?:e|np)_\w+)"', output)
    assert "INCR_TRANSFER" in output, output
    daemon.wait_step(answered[-1], "INCR_TRANSFER", "MONITORING")
    assert_equal_soon(source, target, "shop")


@tags("quick")
@needs("mariadb")
@timeout(200)
def test_the_sdk(env):
    source, target, daemon = scene(env)
    folder = subprocess.run([os.path.join(REPOSITORY, "tests", "tools", "npm_part.sh"), "sdk"], stdout=subprocess.PIPE, text=True,
                            timeout=180, check=True).stdout.strip()
    text = commands("the official SDK").replace("'D/", f"'{daemon.data_dir}/")
    for host, server in (("10.0.0.1", source), ("10.0.0.2", target)):
        assert text.count(host) == 1, text
        text = text.replace(f"'{host}'", f"'127.0.0.1', {server.port}")
    text = text.replace("(name, ip) =>", "(name, ip, port) =>").replace("port: 3306", "port")       # two servers on one machine
    done = subprocess.run(["node", "-"], input=text, capture_output=True, text=True, timeout=150 * PATIENCE, check=False,
                          env={**os.environ, "NODE_PATH": os.path.join(folder, "node_modules")})
    assert done.returncode == 0, done.stdout + done.stderr
    assert "INCR_TRANSFER MONITORING" in done.stdout.splitlines()[-1], done.stdout
    assert_equal_soon(source, target, "shop")


@tags("quick")
@needs("mariadb")
@timeout(200)
def test_the_command_line(env):
    source, target, daemon = scene(env)
    text = commands("the command line").replace("build/causeway", os.path.join(build_dir(), "causeway")).replace(" D ", f" {daemon.data_dir} ")
    for host, server in (("10.0.0.1", source), ("10.0.0.2", target)):
        assert text.count(host) == 1, text
        text = text.replace(f"--host {host}", f"--host 127.0.0.1 --port {server.port}")
    for line in text.strip().splitlines():
        # what it asks for is answered on standard input
        done = subprocess.run(["bash", "-c", line], input="secret\n" if " source add " in line else "", capture_output=True, text=True,
                              timeout=150 * PATIENCE, check=False)
        assert done.returncode == 0, (line, done.stdout, done.stderr)
    projects = daemon.call("ListProjects", {"searchKey": "shop"})
    assert [project["name"] for project in projects] == ["shop"]
    assert daemon.steps(projects[0]["id"])["INCR_TRANSFER"]["status"] == "MONITORING"
    assert_equal_soon(source, target, "shop")
