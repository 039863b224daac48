"""HTTPS: the certificate, its exchange, what is refused. No database server is needed."""

import base64
import http.client
import json
import os
import signal
import socket
import ssl
import subprocess

from harness.daemon import PATIENCE, build_dir
from harness.runner import Skip, tags


def certificate(folder, name, days=10):
    """(certificate file, key file) of a self-signed certificate for localhost whose subject is `name`."""
    cert, key = os.path.join(folder, f"{name}.pem"), os.path.join(folder, f"{name}.key")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", str(days),
                    "-subj", f"/CN={name}", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", cert],
                   check=True, capture_output=True)
    os.chmod(key, 0o600)
    return cert, key


class Served:
    """A causewayd with TLS. The harness's Daemon waits for plain HTTP, so its start() is not used."""

    def __init__(self, env, *args):
        self.folder = env.dir
        self.cert, self.key = certificate(env.dir, "first")
        self.daemon = env.daemon(["--tls-cert-file", self.cert, "--tls-key-file", self.key, *args], start=False)
        os.makedirs(self.daemon.data_dir, exist_ok=True)
        self.daemon.process = self.daemon.spawn()
        listen = os.path.join(self.daemon.data_dir, "listen")
        self.daemon.wait_for(lambda: os.path.exists(listen) and open(listen, encoding="utf-8").read().endswith("\n"), 20, "it serves")
        host, port = open(listen, encoding="utf-8").read().strip().rsplit(":", 1)
        self.address = ("127.0.0.1" if host == "0.0.0.0" else host, int(port))

    def connect(self, ca=None, **limits):
        context = ssl.create_default_context(cafile=ca or self.cert)
        for name, value in limits.items():
            setattr(context, name, value)
        return http.client.HTTPSConnection(*self.address, timeout=10 * PATIENCE, context=context)

    def call(self, connection, action="ListProjects"):
        credentials = self.daemon.credentials
        token = base64.b64encode(f"{credentials['username']}:{credentials['password']}".encode()).decode()
        connection.request("POST", f"/api/v2?Action={action}", "{}",
                           {"Authorization": f"Basic {token}", "Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer, json.loads(answer.read())

    def subject(self):
        """Who the server says it is to a new connection."""
        pem = ssl.get_server_certificate(self.address)
        return subprocess.run(["openssl", "x509", "-noout", "-subject"], input=pem, check=True, capture_output=True,
                              text=True).stdout.strip().rsplit("=", 1)[1].strip()

    def hang_up(self, event):
        """SIGHUP, and wait for what it says of it."""
        before = sum(f"event={event}" in line for line in self.daemon.log_lines())
        self.daemon.process.send_signal(signal.SIGHUP)
        self.daemon.wait_for(lambda: sum(f"event={event}" in line for line in self.daemon.log_lines()) > before, 10, event)


@tags("quick")
def test_https(env):
    served = Served(env)
    connection = served.connect()
    answer, body = served.call(connection)
    assert body["success"] and answer.getheader("Strict-Transport-Security") == "max-age=31536000"
    assert connection.sock.version() in ("TLSv1.2", "TLSv1.3")
    older = served.connect(maximum_version=ssl.TLSVersion.TLSv1_2)
    assert served.call(older)[1]["success"] and older.sock.version() == "TLSv1.2"
    shaken = subprocess.run(["openssl", "s_client", "-connect", "%s:%d" % served.address, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0"],
                            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert shaken.returncode != 0 and "Cipher is (NONE)" in shaken.stdout, shaken.stdout
    # plain HTTP there is closed, not left waiting
    with socket.create_connection(served.address, timeout=10 * PATIENCE) as plain:
        plain.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        plain.settimeout(10 * PATIENCE)
        try:
            assert b"200" not in b"".join(iter(lambda: plain.recv(4096), b""))
        except ConnectionResetError:
            pass


@tags("quick")
def test_tool(env):
    """The command line over HTTPS: it believes the certificate it was given, and no other."""
    served = Served(env)
    tool = [os.path.join(build_dir(), "causeway"), "--server", "https://%s:%d" % served.address, "--data-dir", served.daemon.data_dir]
    if "--cacert" not in subprocess.run([tool[0], "--help"], capture_output=True, text=True, check=False).stdout:
        raise Skip("causeway has no --cacert yet")
    done = subprocess.run([*tool, "--cacert", served.cert, "project", "list"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done
    done = subprocess.run([*tool, "project", "list"], capture_output=True, text=True, check=False)
    assert done.returncode != 0 and "certificate" in done.stderr.lower(), done


@tags("quick")
def test_certificate_exchanged(env):
    """SIGHUP: new connections get the new certificate, old ones live on; one that can't be used changes nothing."""
    served = Served(env)
    old = served.connect()
    assert served.call(old)[1]["success"] and served.subject() == "first"
    socket_before = old.sock
    cert, key = certificate(env.dir, "second")
    first = open(served.cert, "rb").read()
    os.replace(cert, served.cert)                   # its key is still the first's
    served.hang_up("tls_reload_failed")
    assert served.subject() == "first"
    os.chmod(key, 0o644)
    os.replace(key, served.key)                     # open to all
    served.hang_up("tls_reload_failed")
    assert served.subject() == "first"
    os.chmod(served.key, 0o600)
    served.hang_up("tls_reloaded")
    assert served.subject() == "second"
    assert served.call(old)[1]["success"] and old.sock is socket_before
    assert served.call(served.connect())[1]["success"]
    with open(served.cert, "w", encoding="utf-8") as file:
        file.write("no certificate")
    served.hang_up("tls_reload_failed")
    assert served.subject() == "second" and served.call(old)[1]["success"]
    assert first


@tags("quick")
def test_public_address(env):
    """An address that is not loopback: with TLS, or when told so; else the daemon does not start, and says why."""
    cert, key = certificate(env.dir, "public")
    other = certificate(env.dir, "other")[1]
    os.chmod(other, 0o600)
    open_key = certificate(env.dir, "open")[1]
    os.chmod(open_key, 0o644)

    def start(*args):
        made = env.daemon(start=False)
        os.makedirs(made.data_dir, exist_ok=True)
        return made, made.spawn(*args)
    for args, said in ((["--listen", "0.0.0.0:0"], "not a loopback address"),
                       (["--tls-cert-file", cert], "come together"),
                       (["--tls-cert-file", cert, "--tls-key-file", other], "tls_key_file"),
                       (["--tls-cert-file", cert, "--tls-key-file", open_key], "open to others"),
                       (["--tls-cert-file", "/none", "--tls-key-file", key], "/none")):
        made, process = start(*args)
        assert process.wait(20 * PATIENCE) == 2, args
        assert said in made.log_tail(), (args, made.log_tail())
    served = Served(env, "--listen", "0.0.0.0:0")
    assert served.call(served.connect())[1]["success"]
    plain = env.daemon(["--listen", "0.0.0.0:0", "--allow-public-plaintext", "true"], start=False)
    os.makedirs(plain.data_dir)
    plain.process = plain.spawn()
    plain.wait_for(lambda: os.path.exists(os.path.join(plain.data_dir, "listen")), 20, "it serves")
