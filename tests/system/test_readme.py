"""The README's migration with curl, followed word by word."""

import os
import re
import subprocess

from common import REPOSITORY, assert_equal_soon, prepare
from harness.runner import needs, tags


def commands():
    """The indented lines of the README's section on curl, as they stand."""
    with open(os.path.join(REPOSITORY, "README.md"), encoding="utf-8") as file:
        section = file.read().split("## A first migration with curl")[1].split("\n## ")[0]
    return "\n".join(line[4:] for line in section.splitlines() if line.startswith("    "))


@tags("quick")
@needs("mariadb")
def test_ten_lines_of_curl(env):
    source, target = env.source("mariadb"), env.target("mariadb")
    prepare(source, target, "shop", rows=300)
    for server in (source, target):
        server.create_user("mover", "secret")
    daemon = env.daemon()
    text = commands()
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
