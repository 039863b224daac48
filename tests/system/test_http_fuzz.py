"""Mutated requests of both dialects over real sockets: heads, bodies, forms and signatures. Nothing crashes, an answer is JSON.

The examples of openapi.yaml are the seeds, for each action one in JSON and one as a signed form. Half of the mutations are made before
the request is signed, so that they reach what is behind the signature. Among the quick tests, so it runs under ASan and UBSan, too.
"""

import base64
import collections
import concurrent.futures
import http.client
import io
import json
import os
import random
import re
import socket
import time
import urllib.parse

import rpc
from harness.daemon import PATIENCE, description
from harness.runner import tags, timeout

SECONDS = max(8, round(120 * float(os.environ.get("CAUSEWAY_TEST_LENGTH", "0.05"))))
SEED = int(os.environ.get("CAUSEWAY_TEST_SEED", time.time_ns() % 1000000))
VALUES = (None, True, False, 0, -1, 1, 2 ** 31, 2 ** 63, -2 ** 63 - 1, 10 ** 400, 1e308, 1.5, "", " ", "a" * 5000, "\u0000", "\ud83d\ude00" * 70,
          "%s%n%x", "../../etc/passwd", "' OR ''='", "`;--", "\r\nX-Injected: 1", [], {}, [[]], [{}], [None], {"": ""}, "np_", "*", "%",
          ["a"] * 300, "true", "0x10", "1e3", "-0", "NaN", "\u202e", "\uffff")
BYTES = (b"\0", b"\xff", b"\r\n", b"\n", b"\r", b":", b" ", b"%", b"%00", b"%zz", b"=", b"&", b";", b",", b"{", b"}", b"[", b"\"", b"\\u0000", b"\\ud800",
         b"9" * 30, b"-1", b"A" * 3000, b"\xc3\x28", b"\xed\xa0\x80", b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"0\r\n\r\n",
         b"HTTP/1.1", b"..", b"?", b"#", b".1.1.1", b".99999999999999999999")


def examples():
    """[(action, body)] of openapi.yaml."""
    spec = description()
    for action, operation in spec.actions.items():
        content = spec.resolve(operation.get("requestBody", {})).get("content", {}).get("application/json", {})
        yield action, content.get("example", {})


class Mutations:
    def __init__(self, daemon, number):
        self.daemon = daemon
        self.chance = random.Random(SEED * 1000 + number)
        self.seeds = list(examples())
        credentials = daemon.credentials
        self.basic = base64.b64encode(f"{credentials['username']}:{credentials['password']}".encode()).decode()

    def value(self, node, depth=0):
        """A JSON value with something in it exchanged."""
        chance = self.chance
        if chance.random() < 0.2 or depth > 6 or not isinstance(node, (dict, list)) or not node:
            wild = chance.choice(VALUES)
            return [wild] * chance.randint(1, 3) if chance.random() < 0.1 else wild
        if isinstance(node, list):
            at = chance.randrange(len(node))
            return [self.value(inner, depth + 1) if number == at else inner for number, inner in enumerate(node)]
        key = chance.choice(list(node))
        changed = {name: self.value(inner, depth + 1) if name == key else inner for name, inner in node.items()}
        if chance.random() < 0.2:
            changed[chance.choice(("", "\u0000", key.upper(), key + ".1", "a" * 300, "__proto__"))] = changed.pop(key)
        return changed

    def bytes(self, data, times=3):
        """Bytes with pieces exchanged, doubled, cut."""
        chance, data = self.chance, bytearray(data)
        for _ in range(chance.randint(1, times)):
            at = chance.randrange(len(data) + 1)
            what = chance.randrange(5)
            if what == 0:
                data[at:at] = chance.choice(BYTES)
            elif what == 1:
                data[at:at + chance.randint(1, 8)] = chance.choice(BYTES)
            elif what == 2 and data:
                data[at % len(data)] ^= 1 << chance.randrange(8)
            elif what == 3:
                del data[at:at + chance.randint(1, 40)]
            else:
                data[at:at] = data[max(0, at - chance.randint(1, 60)):at]
        return bytes(data)

    def json_body(self, body):
        text = json.dumps(self.value(body) if self.chance.random() < 0.7 else body).encode()
        return self.bytes(text) if self.chance.random() < 0.3 else text

    def form_body(self, body):
        fields = [(name[:1].upper() + name[1:], inner if isinstance(inner, str) else json.dumps(inner)) for name, inner in
                  (self.value(body) if self.chance.random() < 0.6 and body else body or {"a": 1}).items()] if isinstance(body, dict) else []
        if fields and self.chance.random() < 0.3:
            name, inner = self.chance.choice(fields)
            fields += [(f"{name}.{self.chance.choice((0, 1, 2, 999999999, -1, 'x'))}.{self.chance.choice(('Name', '1', ''))}", inner)] * 2
        text = "&".join(f"{urllib.parse.quote(name, errors='replace')}={urllib.parse.quote(inner, errors='replace')}" for name, inner in fields).encode()
        return self.bytes(text) if self.chance.random() < 0.4 else text

    def request(self):
        """(dialect, bytes of a request)."""
        chance = self.chance
        action, body = chance.choice(self.seeds)
        dialect = chance.choice(("json", "rpc"))
        if dialect == "json":
            path = f"/api/v2?Action={action}"
            headers = {"Host": "x", "Authorization": f"Basic {self.basic}", "Content-Type": "application/json"}
            data = self.json_body(body)
        else:
            try:
                data = self.form_body(body)
            except AttributeError:          # the mutation made no object of it
                data = self.bytes(b"Id=np_1")
            path, headers = rpc.signed(self.daemon, action, data.decode("latin-1") if data.isascii() else "")
            if not data.isascii():
                data = data.decode("latin-1").encode("ascii", "ignore")
                path, headers = rpc.signed(self.daemon, action, data.decode())
        pieces = [data] if chance.random() < 0.7 else [data[at:at + 7] for at in range(0, len(data), 7)]
        if len(pieces) > 1:
            headers["Transfer-Encoding"] = "chunked"
            data = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
        else:
            headers["Content-Length"] = str(len(data))
        head = f"POST {path} HTTP/1.1\r\n".encode() + b"".join(f"{name}: {value}\r\n".encode() for name, value in headers.items()) + b"\r\n"
        if chance.random() < 0.3:
            return "broken", self.bytes(head, 2) + data
        return dialect, head + data


class Received:
    def __init__(self, data):
        self.data = io.BytesIO(data)

    def makefile(self, *_):
        return self.data


def exchange(daemon, data):
    """Whatever comes back until the daemon closes or one whole answer is there."""
    received = b""
    with socket.create_connection(daemon.address, timeout=60 * PATIENCE) as s:
        try:
            s.sendall(data)
            s.shutdown(socket.SHUT_WR)
            while piece := s.recv(65536):
                received += piece
                length = re.search(rb"\r\ncontent-length: *(\d+)\r\n", received.lower())
                end = received.find(b"\r\n\r\n")
                if end >= 0 and length and len(received) >= end + 4 + int(length[1]):
                    break
        except OSError:
            return b""              # closed with a part unread: what was answered may be lost
    return received


def check(data, received):
    """(status or None) of the first answer, which has to be whole and JSON."""
    if not received:
        return None
    response = http.client.HTTPResponse(Received(received), method="HEAD" if data.startswith(b"HEAD") else "GET")
    response.begin()
    kind = response.headers["Content-Type"]
    if data.startswith(b"HEAD"):
        return response.status
    body = response.read()
    assert kind == "application/json" or response.status == 200 and not data.startswith(b"POST"), (kind, response.status, body[:300])
    if kind == "application/json":
        answer = json.loads(body)
        assert isinstance(answer, dict), answer
        low = {key.lower() for key in answer}
        assert {"code", "message", "requestid"} <= low or "status" in low, answer
        assert "X-Injected" not in response.headers
    return response.status


@tags("quick")
@timeout(600)
def test_both_dialects(env):
    args = ["--worker-path", "/bin/false", "--requests-per-second", "0", "--idle-seconds", "1", "--head-seconds", "1",
            "--request-seconds", "2"]
    # broken signatures count as failed logins: they go to a daemon of their own, or soon nothing would get behind a signature
    daemon, other = env.daemon(args=args), env.daemon(args=args)
    counts = collections.Counter()
    until = time.monotonic() + SECONDS

    def run(number):
        mutations, found = Mutations(daemon, number), collections.Counter()
        while time.monotonic() < until:
            dialect, data = mutations.request()
            received = exchange(other if dialect == "broken" else daemon, data)
            try:
                found[dialect, check(data, received)] += 1
            except Exception as problem:
                raise AssertionError(f"seed {SEED}: {data!r}\n{received[:2000]!r}") from problem
        return found

    print(f"seed {SEED}, {SECONDS} s")
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for found in pool.map(run, range(8)):
            counts.update(found)
    print(dict(sorted(counts.items(), key=str)))
    assert daemon.call("ListDataSource") is not None and other.http("GET", "/healthz", auth=None).status == 200
    for dialect in ("json", "rpc"):         # both got behind their credentials
        assert sum(count for (kind, status), count in counts.items() if kind == dialect and status not in (None, 401)) > 20, counts
