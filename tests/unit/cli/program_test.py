"""`causeway` as a program, without Causeway: help, completion and manual page against the table; what it does with servers
that are away, busy, slow, wrong or speak TLS.

Usage: program_test.py CAUSEWAY REPOSITORY
"""

import datetime
import http.server
import ipaddress
import json
import os
import shutil
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest

PROGRAM, REPOSITORY = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
BUSY = {"success": False, "code": "CAUSEWAY-STOPNG000001", "message": "stopping", "advice": "later"}


def run(*arguments, stdin="", **more):
    done = subprocess.run([PROGRAM, *map(str, arguments)], input=stdin, capture_output=True, text=True, timeout=60, check=False, **more)
    return done.returncode, done.stdout, done.stderr


TABLE = json.loads(run("help", "--json")[1])
COMMANDS = TABLE["commands"]
SPELLINGS = {spelling: command for command in COMMANDS for spelling in (command["command"], command["alias"]) if spelling}
GLOBALS = {option["name"] for option in TABLE["globalOptions"]}


def choices(path):
    """What has to be offered behind a path: the next words; of a command its options and words, and the global ones."""
    words = path.split()
    offered = {spelling.split()[len(words)] for spelling in SPELLINGS
               if spelling.split()[:len(words)] == words and len(spelling.split()) > len(words)}
    command = SPELLINGS.get(path)
    if command:
        offered |= {option["name"] for option in command["options"]} | {"--help"}
        for argument in command["arguments"]:
            offered |= set((argument["words"] or "").split())
    return offered | (GLOBALS if command or not words else set())


def prefixes():
    return sorted({" ".join(spelling.split()[:count]) for spelling in SPELLINGS for count in range(len(spelling.split()) + 1)})


class Help(unittest.TestCase):
    def test_of_every_command(self):
        status, text, _ = run("--help")
        self.assertEqual(status, 0)
        for command in COMMANDS:
            self.assertIn(command["command"], text)
            for spelling in (command["command"], command["alias"]):
                if not spelling:
                    continue
                status, out, err = run(*spelling.split(), "--help")
                self.assertEqual((status, err), (0, ""), spelling)
                self.assertIn(command["help"], " ".join(out.split()))
                for parameter in command["arguments"] + command["options"]:
                    self.assertIn(parameter["name"], out)
                self.assertLessEqual(max(map(len, out.splitlines())), 80, spelling)

    def test_of_every_group(self):
        for path in prefixes():
            if path and path not in SPELLINGS:
                status, out, _ = run(*path.split(), "--help")
                self.assertEqual(status, 0, path)
                for spelling in SPELLINGS:
                    if spelling.startswith(path + " "):
                        self.assertIn(spelling, out)
                self.assertEqual(run(*path.split())[0], 2, path)

    def test_wrong_usage(self):
        for line in ("", "nonsense", "source nonsense", "source add", "source list --nonsense", "project show", "completion tcsh",
                     "call", "watch x --timeout soon", "--nonsense"):
            status, out, err = run(*line.split(), "--data-dir", "/nowhere") if line else run()
            self.assertEqual((status, out), (2, ""), line)
            self.assertTrue(err)
        self.assertIn("missing: NAME, --host, --user", run("source", "add")[2])
        self.assertIn("usage: causeway source add", run("source", "add")[2])
        self.assertEqual(run("--version")[0], 0)


class Manual(unittest.TestCase):
    def setUp(self):
        self.page = run("help", "--man")[1]

    def test_is_complete(self):
        text = self.page.replace("\\-", "-")
        for command in COMMANDS:
            self.assertIn(f".SS {command['command']}\n", text)
            for parameter in command["arguments"] + command["options"]:
                self.assertIn(f"\\fB{parameter['name']}\\fR", text)
        for word in ("EXIT STATUS", "ENVIRONMENT", "CAUSEWAY_DATA_DIR", *GLOBALS):
            self.assertIn(word, text)

    @unittest.skipUnless(shutil.which("mandoc"), "needs mandoc")
    def test_mandoc_has_no_warning(self):
        done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning"], input=self.page, capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))

    @unittest.skipUnless(shutil.which("man"), "needs man")
    def test_man_has_no_warning(self):
        with tempfile.NamedTemporaryFile("w", suffix=".1", encoding="utf-8") as file:
            file.write(self.page)
            file.flush()
            done = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", file.name], capture_output=True, text=True, check=False,
                                  env={**os.environ, "LC_ALL": "C.UTF-8", "MANWIDTH": "80", "PAGER": "cat"})
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("causeway - drive a Causeway migration server", done.stdout.replace("‐", "-"))

    def test_is_what_the_build_made(self):
        path = os.path.join(os.path.dirname(PROGRAM), "causeway.1")
        with open(path, encoding="utf-8") as file:
            self.assertEqual(file.read(), self.page)

    def test_reference_in_docs(self):
        with open(os.path.join(REPOSITORY, "docs", "cli.md"), encoding="utf-8") as file:
            text = file.read()
        reference = text.split("<!-- made by: causeway help --markdown -->\n", 1)[1]
        self.assertEqual(reference, run("help", "--markdown")[1], "docs/cli.md: causeway help --markdown, behind its mark")


class Completion(unittest.TestCase):
    """Each shell is asked what it offers for many lines in one process."""

    LINES = [(path.split() + [""], choices(path), False) for path in prefixes()] + [
        (["source", "add", "n", "--type", ""], {"mysql", "oceanbase", "odp", "polardb"}, False),
        (["source", "add", "n", "--type", "o"], {"oceanbase", "odp"}, False),
        (["source", "add", "--host", "project", "--po"], {"--port"}, False),
        (["--data-dir", "source", "proj"], {"project"}, False),
        (["--json", "source", "ad"], {"add"}, False),
        (["project", "importance", "p", "H"], {"HIGH"}, False),
        (["source", "add", "--password-file", "/etc/hostna"], set(), True),
        (["precheck", "/etc/hostna"], set(), True),
    ]

    def check(self, answers):
        self.assertEqual(len(answers), len(self.LINES))
        for (words, expected, _), answer in zip(self.LINES, answers):
            got = {word for word in answer.split() if not word.startswith("/") and not os.path.exists(word)}
            wanted = {word for word in expected if word.startswith(words[-1])}
            self.assertEqual(got, wanted, words)

    def test_bash(self):
        script = run("completion", "bash")[1]
        with tempfile.TemporaryDirectory() as empty:
            for words, _, _ in self.LINES:
                line = " ".join(f"'{word}'" for word in ["causeway", *words])
                script += f"COMP_WORDS=({line}); COMP_CWORD={len(words)}; _causeway; echo \"${{COMPREPLY[*]}}\"\n"
            done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True, cwd=empty)
        self.assertEqual(done.stderr, "")
        answers = done.stdout.split("\n")[:-1]
        self.check(answers)
        for (words, _, files), answer in zip(self.LINES, answers):
            self.assertEqual("/etc/hostname" in answer, files, words)

    @unittest.skipUnless(shutil.which("zsh"), "needs zsh")
    def test_zsh(self):
        # what is offered, instead of offering it: only a line editor has compadd
        script = ("compdef() { : }\ncompadd() { shift; local w; for w in \"$@\"; do [[ $w = ${words[CURRENT]}* ]] && print -nr -- \"$w \"; "
                  "done }\n_files() { print -nr -- '/FILES ' }\n" + run("completion", "zsh")[1])
        for words, _, _ in self.LINES:
            line = " ".join(f"'{word}'" for word in ["causeway", *words])
            script += f"words=({line}); CURRENT={len(words) + 1}; _causeway; print\n"
        done = subprocess.run(["zsh", "-f", "-c", script], capture_output=True, text=True, check=True)
        self.assertEqual(done.stderr, "")
        answers = done.stdout.split("\n")[:-1]
        self.check(answers)
        for (words, _, files), answer in zip(self.LINES, answers):
            if files:
                self.assertIn("/FILES", answer, words)


class Api(http.server.BaseHTTPRequestHandler):
    """Answers what the test has put into `answers`, and counts."""

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        action = self.path.split("Action=")[1]
        self.server.calls.append(action)
        answers = self.server.answers.get(action, [{"success": True, "data": []}])
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if answer == "hang":
            self.server.free.wait(30)
        if answer == "drop":
            self.close_connection = True
            self.connection.close()
            return
        body = (answer if isinstance(answer, str) else json.dumps(answer)).encode()
        try:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            pass

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *_):
        pass


class Talking(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()
        self.addCleanup(self.dir.cleanup)
        self.password = os.path.join(self.dir.name, "password")
        with open(self.password, "w", encoding="utf-8") as file:
            file.write("secret\n")
        self.server = self.serve()

    def serve(self, certificate=None):
        server = Server(("127.0.0.1", 0), Api)
        server.answers, server.calls, server.free = {}, [], threading.Event()
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        self.addCleanup(server.free.set)
        return server

    def run_at(self, server, *arguments, scheme="http", stdin=""):
        return run("--server", f"{scheme}://127.0.0.1:{server.server_address[1]}", "--user", "u", "--password-file", self.password,
                   *arguments, stdin=stdin)

    def answer(self, action, *answers):
        self.server.answers[action] = list(answers)
        self.server.calls.clear()

    def test_reads_are_tried_again(self):
        rows = {"success": True, "data": [{"id": "l_1", "name": "x"}]}
        for trouble in (BUSY, "drop", "not JSON"):
            self.answer("ListAllLabels", trouble, trouble, rows)
            status, out, err = self.run_at(self.server, "label", "list")
            self.assertEqual((status, out.split(), err), (0, ["l_1", "x"], ""), trouble)
            self.assertEqual(len(self.server.calls), 3)
        self.answer("ListAllLabels", BUSY)
        status, _, err = self.run_at(self.server, "label", "list")
        self.assertEqual((status, len(self.server.calls)), (2, 4))
        self.assertIn("CAUSEWAY-STOPNG000001", err)

    def test_writes_are_sent_once(self):
        for trouble in (BUSY, "drop", "not JSON"):
            self.answer("CreateLabel", trouble, {"success": True, "data": "l_1"})
            status, out, _ = self.run_at(self.server, "label", "create", "x")
            self.assertEqual((status, out, self.server.calls), (2, "", ["CreateLabel"]), trouble)

    def test_time_is_limited(self):
        self.answer("CreateLabel", "hang")
        began = time.monotonic()
        status, _, err = self.run_at(self.server, "--call-timeout", "1", "label", "create", "x")
        self.assertEqual(status, 2)
        self.assertIn("imeout", err)
        self.assertLess(time.monotonic() - began, 25)
        self.server.free.set()

    def test_nobody_there(self):
        self.server.server_close()
        status, out, err = self.run_at(self.server, "label", "create", "x")
        self.assertEqual((status, out), (2, ""))
        self.assertEqual(run("--data-dir", self.dir.name, "source", "list")[0], 2)
        self.assertEqual(run("source", "list")[0], 2)
        self.assertEqual(run("--server", "file:///etc/passwd", "--user", "u", "--password-file", self.password, "source", "list")[0], 2)
        self.assertEqual(run("--server", "http://127.0.0.1:1", "--user", "u", "--password-file", "/nowhere", "source", "list")[0], 2)

    def test_errors_tell_all_faults(self):
        self.answer("CreateLabel", {"success": False, "code": "PARAM_ERROR", "message": "a: b; c: d", "advice": "Do it right.",
                                    "errorDetail": {"code": "PARAM_ERROR", "message": "a: b; c: d", "extraContext": {"faults": [
                                        {"field": "a", "problem": "b \x1b[31m"}, {"field": "c", "problem": "d"}]}}})
        status, out, err = self.run_at(self.server, "label", "create", "x")
        self.assertEqual((status, out), (1, ""))
        self.assertEqual(err.splitlines(), ["causeway: CreateLabel: 2 faults (PARAM_ERROR)", "  a: b  [31m", "  c: d", "  Do it right."])
        self.answer("CreateLabel", {"success": False, "code": "SOME-NEWONE000001", "message": "[SOME-NEWONE000001]: so", "advice": "x",
                                    "errorDetail": {"code": "SOME-NEWONE000001", "message": "so", "extraContext": {}}})
        self.assertEqual(self.run_at(self.server, "label", "create", "x")[2].splitlines(),
                         ["causeway: CreateLabel: so (SOME-NEWONE000001)", "  x"])

    def test_names(self):
        def projects(*rows):
            self.answer("ListProjects", {"success": True, "data": [{"id": row[0], "name": row[1]} for row in rows]})
        self.answer("StopProject", {"success": True, "data": None})
        projects(("np_1", "shop"), ("np_2", "shop2"))
        self.assertEqual(self.run_at(self.server, "project", "stop", "shop", "--json"), (0, "null\n", ""))
        self.assertEqual(self.server.calls, ["ListProjects", "StopProject"])
        projects(("np_1", "shop"), ("np_2", "shop"))
        status, _, err = self.run_at(self.server, "project", "stop", "shop")
        self.assertEqual(status, 1)
        self.assertIn("shop (np_1), shop (np_2)", err)
        projects(("np_1", "shopping"))
        status, _, err = self.run_at(self.server, "project", "stop", "shop")
        self.assertEqual(status, 1)
        self.assertIn("Near: shopping (np_1)", err)
        self.server.calls.clear()
        self.assertEqual(self.run_at(self.server, "project", "stop", "np_7")[0], 0)
        self.assertEqual(self.server.calls, ["StopProject"])

    def test_pages(self):
        rows = [{"id": f"np_{n}", "name": f"p{n}", "status": "INIT"} for n in range(340)]
        self.answer("ListProjects", *[{"success": True, "data": part} for part in (rows[:150], rows[150:300], rows[300:])])
        status, out, _ = self.run_at(self.server, "project", "list", "--json")
        self.assertEqual((status, json.loads(out)), (0, rows))
        self.answer("ListProjects", {"success": True, "data": rows[:150]})
        self.assertEqual(len(json.loads(self.run_at(self.server, "project", "list", "--json", "--limit", "20")[1])), 20)
        self.assertEqual(len(self.server.calls), 1)

    def test_passwords(self):
        sent = []
        self.answer("CreateMySqlDataSource", {"success": True, "data": "e_1"})
        original = Api.do_POST

        def spy(handler):
            sent.append((handler.headers["Authorization"], handler.rfile.peek()))
            original(handler)
        Api.do_POST = spy
        self.addCleanup(setattr, Api, "do_POST", original)
        url = f"http://127.0.0.1:{self.server.server_address[1]}"
        # the account's line first, then the data source's
        status, out, err = run("--server", url, "--user", "u", "--password-stdin", "source", "add", "n", "--host", "h", "--user", "d",
                               "--password-stdin", stdin="one\ntwo\nthree\n")
        self.assertEqual((status, out, err), (0, "e_1\n", ""))
        self.assertEqual(sent[0][0], "Basic dTpvbmU=")
        self.assertIn(b'"password":"dHdv"', sent[0][1].replace(b" ", b""))
        status, _, err = run("--server", url, "--user", "u", "source", "list", stdin="")
        self.assertEqual(status, 2)
        self.assertIn("no password of u", err)

    def test_tls(self):
        path = certificate(self.dir.name)
        server = self.serve(path)
        self.assertEqual(self.run_at(server, "--cacert", path, "label", "list", "--json", scheme="https"), (0, "[\n]\n", ""))
        server.calls.clear()
        status, _, err = self.run_at(server, "label", "create", "x", scheme="https")
        self.assertEqual((status, server.calls), (2, []))
        self.assertIn("certificate", err)

    def test_a_source_is_tested(self):
        items = [{"status": "FAILED", "endpointType": "SOURCE", "checkType": "RDB_CONNECT", "message": "no", "advice": "do"}]
        self.answer("TestDataSource", {"success": True, "data": "pc_1"})
        self.answer("GetPreCheckResult", {"success": True, "data": {"preCheckStatus": "RUNNING", "preCheckResults": []}},
                    {"success": True, "data": {"preCheckStatus": "FAILED", "preCheckResults": items}})
        status, out, _ = self.run_at(self.server, "source", "test", "e_1")
        self.assertEqual(status, 1)
        self.assertIn("0 passed, 0 warnings, 1 failed, 0 skipped", out)
        items[0]["checkType"] = "PRECHECK_RUN"
        self.answer("GetPreCheckResult", {"success": True, "data": {"preCheckStatus": "FAILED", "preCheckResults": items}})
        self.assertEqual(self.run_at(self.server, "source", "test", "e_1")[0], 2)
        self.answer("GetPreCheckResult", {"success": True, "data": {"preCheckStatus": "RUNNING", "preCheckResults": []}})
        status, _, err = self.run_at(self.server, "source", "test", "e_1", "--timeout", "1")
        self.assertEqual(status, 2)
        self.assertIn("not over", err)


def certificate(directory):
    """A PEM file with a key and its own certificate for 127.0.0.1."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "causeway test")])
    now = datetime.datetime.utcnow()
    signed = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
              .serial_number(1).not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=1))
              .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
              .sign(key, hashes.SHA256()))
    path = os.path.join(directory, "certificate.pem")
    with open(path, "wb") as file:
        file.write(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        file.write(signed.public_bytes(serialization.Encoding.PEM))
    return path


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
