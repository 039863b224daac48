"""A running causewayd against clients that break HTTP, and against slow ones.

Usage: http_test.py CAUSEWAYD OPENAPI [TestCase.test_name…]. No database server is needed. Whatever is sent, an answer is one
whole answer in JSON, and the daemon goes on serving the others.
"""

import base64
import http.client
import io
import json
import os
import selectors
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "openapi"))
from description import Description  # noqa: E402

PROGRAM, OPENAPI = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
PATIENCE_S = 120        # nothing here takes so long; on a busy machine a wait is not a failure


class Daemon:
    def __init__(self, *options):
        self.folder = tempfile.TemporaryDirectory(prefix="causeway-http-")
        self.log = os.path.join(self.folder.name, "log")
        data = os.path.join(self.folder.name, "data")
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([PROGRAM, "--data-dir", data, "--listen", "127.0.0.1:0",
                                             "--requests-per-second", "0", *options],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        listen = os.path.join(data, "listen")
        end = time.monotonic() + PATIENCE_S
        while not os.path.exists(listen) or ":" not in read(listen):
            assert time.monotonic() < end and self.process.poll() is None, read(self.log)
            time.sleep(0.02)
        host, port = read(listen).strip().rsplit(":", 1)
        self.address = host, int(port)
        first = json.loads(read(os.path.join(data, "initial-credentials.json")))
        token = base64.b64encode(f"{first['username']}:{first['password']}".encode())
        self.auth = b"Authorization: Basic " + token + b"\r\n"

    def stop(self):
        self.process.terminate()
        status = self.process.wait(PATIENCE_S)
        log = read(self.log)
        self.folder.cleanup()
        assert status == 0 and "Sanitizer" not in log and "runtime error" not in log, f"exit status {status}\n{log[-6000:]}"

    def connect(self):
        return socket.create_connection(self.address, timeout=PATIENCE_S)


def read(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


class Pieces(io.RawIOBase):
    """What is left of received bytes, as the file that http.client reads an answer from."""

    def __init__(self, data):
        self.data = io.BytesIO(data)

    def makefile(self, *_):
        return self.data


def answers(data, method="GET"):
    """[(status, headers, body)] of everything received; what is no whole answer is an error."""
    source, found = Pieces(data), []
    while source.data.tell() < len(data):
        response = http.client.HTTPResponse(source, method=method)
        response.will_close = False
        held, response.close = response.close, lambda: None     # keep the bytes behind it
        response.begin()
        length = response.headers["Content-Length"]
        assert length is not None, (response.status, dict(response.headers))
        body = b"" if method == "HEAD" else source.data.read(int(length or 0))
        if method != "HEAD":
            assert len(body) == int(length or 0), f"cut off: {data[:300]!r}"
        found.append((response.status, response.headers, body))
        del held
    return found


CALL = b"POST /api/v2?Action=ListProjects HTTP/1.1\r\nHost: x\r\n"
GET = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"
END = b"Content-Length: 2\r\n\r\n{}"
CLOSED = ()             # without an answer

# what is sent ({auth} is put in), and the statuses of the answers
REQUESTS = {
    "a good one": (CALL + b"{auth}" + END, (200,)),
    "no credentials": (CALL + END, (401,)),
    "three in one packet": (GET + b"\r\n" + GET + b"\r\n" + CALL + b"{auth}" + END, (200, 200, 200)),
    "empty lines first": (b"\r\n\r\n" + GET + b"\r\n", (200,)),
    "HTTP/1.0": (CALL.replace(b"1.1", b"1.0") + b"{auth}" + END, (200,)),
    "HTTP/0.9": (b"GET /\r\n\r\n", (400,)),
    "HTTP/9.9": (b"POST / HTTP/9.9\r\n\r\n", (505,)),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (505,)),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", CLOSED),
    "absolute form": (CALL.replace(b" /api", b" http://any.host:80/api") + b"{auth}" + END, (200,)),
    "absolute form, no path": (b"HEAD http://any.host HTTP/1.1\r\nHost: x\r\n\r\n", (200,)),
    "asterisk form": (b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", (404,)),
    "CONNECT": (b"CONNECT a:1 HTTP/1.1\r\nHost: x\r\n\r\n", (404,)),
    "TRACE": (b"TRACE /healthz HTTP/1.1\r\nHost: x\r\n\r\n", (405,)),
    "lower-case method": (b"get /healthz HTTP/1.1\r\nHost: x\r\n\r\n", (405,)),
    "HEAD": (b"HEAD /healthz HTTP/1.1\r\nHost: x\r\n\r\n", (200,)),
    "HEAD of nothing": (b"HEAD /nope HTTP/1.1\r\nHost: x\r\n\r\n", (404,)),
    "HEAD of the API": (b"HEAD /api/v2?Action=ListProjects HTTP/1.1\r\nHost: x\r\n{auth}\r\n", (405,)),
    "Expect": (CALL + b"{auth}Expect: 100-continue\r\n" + END, (200,)),      # and a 100 before it
    "Expect, refused": (CALL + b"{auth}Expect: 100-continue\r\nContent-Length: 99999999\r\n\r\n", (413,)),
    "chunks": (CALL + b"{auth}Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1;name=value\r\n}\r\n0\r\nTrailer: x\r\n\r\n", (200,)),
    "chunks by the RPC dialect's path": (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n", (400,)),
    "chunk size no number": (CALL + b"{auth}Transfer-Encoding: chunked\r\n\r\nZZ\r\nxx\r\n0\r\n\r\n", (400,)),
    "chunk size negative": (CALL + b"{auth}Transfer-Encoding: chunked\r\n\r\n-5\r\nxx\r\n0\r\n\r\n", (400,)),
    "chunk size too large": (CALL + b"{auth}Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFFF\r\nxx", (413,)),
    "chunk longer than its size": (CALL + b"{auth}Transfer-Encoding: chunked\r\n\r\n1\r\n{}{}\r\n0\r\n\r\n", (400,)),
    "length no number": (CALL + b"{auth}Content-Length: abc\r\n\r\n", CLOSED),
    "length negative": (CALL + b"{auth}Content-Length: -1\r\n\r\n", CLOSED),
    "length too large": (CALL + b"{auth}Content-Length: 99999999999999999999999\r\n\r\n{}", CLOSED),
    "two lengths": (CALL + b"{auth}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{} ", (400,)),
    "twice the same length": (CALL + b"{auth}Content-Length: 2\r\n" + END, (400,)),
    "length and chunks": (CALL + b"{auth}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", (400,)),
    "another encoding": (CALL + b"{auth}Transfer-Encoding: gzip\r\n\r\n{}", (400,)),
    "two encodings": (CALL + b"{auth}Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", (400,)),
    "body that ends early": (CALL + b"{auth}Content-Length: 20\r\n\r\n{}", CLOSED),
    "GET with a body": (GET + b"Content-Length: 5\r\n\r\nhello" + GET + b"\r\n", (200, 200)),
    "header without a colon": (CALL + b"{auth}NoColonHere\r\n" + END, (400,)),
    "NUL in a header": (CALL + b"{auth}X-A: a\0b\r\n" + END, (200,)),
    "NUL in credentials": (CALL + b"Authorization: Basic YTpi\0\r\n" + END, (401,)),
    "NUL in the path": (b"GET /a\0b HTTP/1.1\r\nHost: x\r\n\r\n", (404,)),
    "bytes in the path": (b"GET /\xff\xfe\x80 HTTP/1.1\r\nHost: x\r\n\r\n", (404,)),
    "bytes in the action": (CALL.replace(b"ListProjects", b"%00%ff%22%0d%0a\x80") + b"{auth}" + END, (200,)),
    "long path": (b"GET /" + b"a" * 60000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", (414,)),
    "long header": (GET + b"X: " + b"a" * 60000 + b"\r\n\r\n", (431,)),
    "many headers": (GET + b"".join(b"X%d: y\r\n" % i for i in range(9000)) + b"\r\n", (431,)),
    "headers that just fit": (GET + b"X: " + b"a" * 8000 + b"\r\n\r\n", (200,)),
    "lines that end without CR": (b"GET /healthz HTTP/1.1\nHost: x\n\n", (200,)),
    "Upgrade": (GET + b"Upgrade: h2c\r\nConnection: Upgrade\r\n\r\n", (200,)),
}


class Base(unittest.TestCase):
    options = ()

    @classmethod
    def setUpClass(cls):
        cls.d = Daemon(*cls.options)
        cls.spec = Description(OPENAPI)

    @classmethod
    def tearDownClass(cls):
        cls.d.stop()

    def call(self):
        """One call as everybody makes them."""
        connection = http.client.HTTPConnection(*self.d.address, timeout=PATIENCE_S)
        try:
            connection.request("POST", "/api/v2?Action=ListProjects", b"{}", {"Authorization": self.d.auth.split(b": ")[1].strip()})
            response = connection.getresponse()
            body = response.read()
        finally:
            connection.close()
        self.spec.check("POST", "/api/v2?Action=ListProjects", b"{}", response.status, response.headers["Content-Type"], body)
        self.assertTrue(json.loads(body)["success"])


class Broken(Base):
    # a client that has closed its half of the connection may have to wait until it is idle for too long
    options = ("--head-seconds", "1", "--request-seconds", "2", "--idle-seconds", "1")

    def exchange(self, data):
        """All that comes back until the daemon closes: it does, for our side is closed after the last byte or by its limits."""
        with self.d.connect() as s:
            received = b""
            try:
                s.sendall(data)
                s.shutdown(socket.SHUT_WR)
                while piece := s.recv(65536):
                    received += piece
            except OSError:
                pass            # closed with a part unread; the answer may be lost on the way
        return received

    def test_requests(self):
        for name, (data, wanted) in REQUESTS.items():
            with self.subTest(name):
                method = data.split(b" ")[0].decode("latin-1") if data[:4] == b"HEAD" else "GET"
                found = answers(self.exchange(data.replace(b"{auth}", self.d.auth)), method)
                statuses = tuple(status for status, _, _ in found)
                if not (statuses == () and {413, 414, 431} & set(wanted)):
                    self.assertEqual(statuses, wanted)
                for status, headers, body in found:
                    if method == "HEAD" and status == 200:
                        continue            # of a page
                    self.assertEqual(headers["Content-Type"], "application/json")
                    if method != "HEAD":
                        answer = json.loads(body)
                        self.assertTrue(answer == {"status": "ok"} or answer.get("success") is (status == 200 and not answer["code"])
                                        or "Code" in answer, body)
        self.call()

    def test_what_libmicrohttpd_answers_is_as_the_document_says(self):
        for data in (b"POST / HTTP/9.9\r\n\r\n", GET + b"X\r\n\r\n"):
            for status, headers, body in answers(self.exchange(data)):
                self.spec.check("GET", "/nowhere", None, status, headers["Content-Type"], body)

    def test_each_cut_of_a_request(self):
        """A client that goes away after any byte."""
        data = (CALL + b"{auth}" + END).replace(b"{auth}", self.d.auth)
        for end in range(len(data)):
            self.assertEqual(self.exchange(data[:end]), b"", data[:end])
        self.call()


class Slow(threading.Thread):
    """Clients that send one byte of their request at a time, for ever, and come back when they are thrown out."""

    def __init__(self, daemon, count, heads):
        super().__init__(daemon=True)
        self.d, self.count, self.heads = daemon, count, heads
        self.selector = selectors.DefaultSelector()
        self.thrown_out = 0
        self.ended = threading.Event()
        self.all_connected = threading.Event()

    def add(self, number):
        s = socket.create_connection(self.d.address, timeout=PATIENCE_S)
        s.sendall(self.heads[number % len(self.heads)])
        s.setblocking(False)
        self.selector.register(s, selectors.EVENT_READ, number)

    def run(self):
        for number in range(self.count):
            self.add(number)
        self.all_connected.set()
        while not self.ended.wait(0.3):
            for key, _ in self.selector.select(0):
                try:
                    gone = not key.fileobj.recv(4096)
                except OSError:
                    gone = True
                if gone:
                    self.selector.unregister(key.fileobj)
                    key.fileobj.close()
                    self.thrown_out += 1
                    self.add(key.data)
            for key in list(self.selector.get_map().values()):
                try:
                    key.fileobj.send(b"a")
                except OSError:
                    pass            # seen as closed in the next round
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()


HEADS = (b"POST /api/v2?Action=ListProjects HTTP/1.1\r\nHost: x\r\nX-", b"GET /", b"\r\n", b"P",
         b"POST /api/v2?Action=ListProjects HTTP/1.1\r\nHost: x\r\nContent-Length: 4000000\r\n\r\n{",
         b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n10000\r\n",
         b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /healthz HTTP/1.1\r\nX-")


class SlowClients(Base):
    options = ("--head-seconds", "2", "--request-seconds", "3", "--idle-seconds", "2", "--max-connections", "512")

    def serve_beside(self, count, heads):
        slow = Slow(self.d, count, heads)
        slow.start()
        try:
            calls = 0
            end = time.monotonic() + PATIENCE_S
            while calls < 100 or not slow.all_connected.is_set() or slow.thrown_out < count // 2:
                self.call()
                calls += 1
                self.assertLess(time.monotonic(), end, f"{slow.thrown_out} thrown out, {calls} calls")
        finally:
            slow.ended.set()
            slow.join(PATIENCE_S)

    def test_three_hundred_slow_clients_stop_nobody(self):
        self.serve_beside(300, HEADS)

    def test_more_slow_clients_than_places(self):
        self.serve_beside(700, HEADS[:4])


class OnePeer(Base):
    options = ("--max-connections-per-peer", "5")

    def test_connections_of_one_address(self):
        held = [self.d.connect() for _ in range(5)]
        try:
            for s in held:
                s.sendall(GET + b"\r\n")
                self.assertTrue(s.recv(4096).startswith(b"HTTP/1.1 200"))
            with self.d.connect() as s:
                try:
                    s.sendall(GET + b"\r\n")
                    self.assertEqual(s.recv(4096), b"")
                except ConnectionError:
                    pass
            other = socket.create_connection(self.d.address, PATIENCE_S, ("127.0.0.2", 0))
            with other:
                other.sendall(GET + b"\r\n")
                self.assertTrue(other.recv(4096).startswith(b"HTTP/1.1 200"))
        finally:
            for s in held:
                s.close()


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
