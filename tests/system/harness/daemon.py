"""causewayd as a test sees it: a process, its folder, its API and its workers."""

import base64
import collections
import functools
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time

REPOSITORY = os.path.normpath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
# All limits of waiting are for a machine that does nothing else; a busy one gets so many times as much. A limit is only
# met by what has failed.
PATIENCE = float(os.environ.get("CAUSEWAY_TEST_PATIENCE", "3"))
SANITIZER = re.compile(r"ERROR: \w*Sanitizer|WARNING: ThreadSanitizer|runtime error: ")

sys.path.insert(0, os.path.join(REPOSITORY, "tests", "openapi"))
from description import Description  # noqa: E402

Worker = collections.namedtuple("Worker", "pid project step")
Response = collections.namedtuple("Response", "status headers body")


@functools.lru_cache(maxsize=1)
def description():
    """openapi.yaml: every exchange with a daemon is held against it."""
    return Description(os.path.join(REPOSITORY, "openapi.yaml"))


def build_dir():
    return os.path.realpath(os.environ.get("BUILD_DIR", os.path.join(REPOSITORY, "build")))


class ApiError(Exception):
    """The API answered success=false. answer is the whole envelope."""

    def __init__(self, action, answer):
        detail = answer.get("errorDetail") or {}
        self.action = action
        self.answer = answer
        self.code = detail.get("code") or answer.get("code")
        self.message = detail.get("message") or answer.get("message")
        super().__init__(f"{action}: [{self.code}] {self.message}")


class DaemonDied(Exception):
    """causewayd ended by itself."""


class WaitTimeout(AssertionError):
    """A condition did not come true in time."""


def wait_for(predicate, timeout, what, interval=0.05, context=None):
    """Poll until predicate() is true and return its value; after timeout seconds (times PATIENCE) raise WaitTimeout.

    context() is asked for an explanation then; what() may be a text or a function that makes one.
    """
    timeout *= PATIENCE
    end = time.monotonic() + timeout
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() >= end:
            text = what() if callable(what) else what
            raise WaitTimeout(f"not within {timeout:g} s: {text}" + (f"\n{context()}" if context else ""))
        time.sleep(interval)


# ------------------------------------------------------------------------------------------ bodies of requests

def specific(databases):
    """A transferMapping in SPECIFIC mode out of {db: tables} or {(db, mapped): tables}.

    tables is a list of names, of (name, mapped) pairs or of ready table objects.
    """
    def table(entry):
        if isinstance(entry, dict):
            return entry
        name, mapped = (entry, entry) if isinstance(entry, str) else entry
        return {"name": name, "mappedName": mapped}

    def database(key, tables):
        name, mapped = (key, key) if isinstance(key, str) else key
        return {"name": name, "mappedName": mapped, "tables": [table(entry) for entry in tables]}

    return {"mode": "SPECIFIC", "databases": [database(*item) for item in databases.items()]}


def wildcard(*include, exclude=()):
    """A transferMapping in WILDCARD mode: rules like 'db.*' or 'a.b=c.d'."""
    mapping = {"mode": "WILDCARD", "tableAndViewWhiteList": list(include)}
    if exclude:
        mapping["tableAndViewBlackList"] = list(exclude)
    return mapping


class Daemon:
    """One data directory and the causewayd that runs on it.

    args are more arguments for causewayd, env more environment. Output goes to log_path, appended over restarts.
    """

    def __init__(self, directory, args=(), env=None):
        self.directory = os.path.abspath(directory)
        self.data_dir = os.path.join(self.directory, "data")
        self.log_path = os.path.join(self.directory, "causewayd.log")
        self.args = list(args)
        self.env = {**os.environ, **(env or {})}
        self.process = None
        self.address = None
        self._names = 0

    # -- process

    def start(self, timeout=20):
        """Start and wait until requests are served."""
        os.makedirs(self.data_dir, exist_ok=True)
        listen = os.path.join(self.data_dir, "listen")
        if os.path.exists(listen):
            os.unlink(listen)           # of a killed daemon: it must not be taken for the new one's
        self.process = self.spawn()
        self.wait_for(lambda: os.path.exists(listen) and self._healthy(listen), timeout, "causewayd serves requests")
        return self

    def spawn(self, *args):
        """Start one more causewayd on this data directory and return its Popen, without waiting for anything.

        start() uses it; so do tests of a second daemon or of bad settings.
        """
        program = os.path.join(build_dir(), "causewayd")
        # no rate: a fast machine that polls must not be throttled; the tests of the rate set their own behind it
        command = [program, "--data-dir", self.data_dir, "--listen", "127.0.0.1:0", "--requests-per-second", "0", *self.args, *args]
        with open(self.log_path, "ab") as log:
            return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.env)

    def _healthy(self, listen):
        with open(listen, encoding="utf-8") as file:
            line = file.read().strip()
        if ":" not in line:
            return False                # created, not yet written
        host, port = line.rsplit(":", 1)
        self.address = (host.strip("[]"), int(port))
        try:
            return self.http("GET", "/healthz", auth=None).status == 200
        except OSError:
            return False

    @property
    def running(self):
        return self.process is not None and self.process.poll() is None

    def stop(self, timeout=15):
        """SIGTERM; returns the exit status. One that does not end is killed, and that is an error."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(timeout * PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise WaitTimeout(f"causewayd did not end within {timeout} s of SIGTERM\n{self.log_tail()}") from None

    def kill9(self):
        self.process.kill()
        self.process.wait()

    def restart(self):
        """An orderly stop and a new start."""
        self.stop()
        return self.start()

    def destroy(self):
        """End of a test: leave no process, whatever state it was left in."""
        if self.running:
            self.process.terminate()
            try:
                self.process.wait(12 * PATIENCE)
            except subprocess.TimeoutExpired:
                self.kill9()
        for worker in self.workers():
            _kill(worker.pid, signal.SIGKILL)

    def sanitizer_reports(self):
        """Lines of the log in which a sanitizer complains: a test that passes in spite of them has not passed."""
        return [line for line in self.log_lines() if SANITIZER.search(line)]

    # -- workers

    def workers(self, project=None, step=None):
        """Living workers of this daemon, orphans of a killed one included, as Worker(pid, project, step)."""
        found = []
        program = os.path.join(build_dir(), "causeway-worker")
        for entry in os.listdir("/proc"):
            worker = _worker(entry, program) if entry.isdigit() else None
            if worker is None or not self._is_mine(worker.pid):
                continue
            if (project is None or worker.project == project) and (step is None or worker.step == step):
                found.append(worker)
        return sorted(found)

    def worker_pids(self, project=None, step=None):
        return [worker.pid for worker in self.workers(project, step)]

    def kill_workers(self, project=None, step=None, sig=signal.SIGKILL):
        """Send a signal to each matching worker; returns the pids."""
        pids = self.worker_pids(project, step)
        for pid in pids:
            _kill(pid, sig)
        return pids

    def _is_mine(self, pid):
        """By its output, which goes to its daemon's log: that tells the orphans of a killed daemon apart, too."""
        try:
            return os.readlink(f"/proc/{pid}/fd/1") == os.path.realpath(self.log_path)
        except OSError:
            return False

    # -- HTTP and API

    @property
    def url(self):
        return f"http://{self.address[0]}:{self.address[1]}"

    @property
    def credentials(self):
        """{"username", "password", "accessKeyId", "accessKeySecret"} of the first start."""
        with open(os.path.join(self.data_dir, "initial-credentials.json"), encoding="utf-8") as file:
            return json.load(file)

    def http(self, method, path, body=None, headers=None, auth="initial", timeout=10, loose=False):
        """One raw request. auth: "initial" account, (user, password), or None for no credentials.

        Request and answer are held against openapi.yaml; loose: the request is in a form that the document doesn't show.
        """
        headers = dict(headers or {})
        if auth is not None:
            if auth == "initial":
                auth = (self.credentials["username"], self.credentials["password"])
            token = base64.b64encode(f"{auth[0]}:{auth[1]}".encode()).decode()
            headers.setdefault("Authorization", f"Basic {token}")
        if isinstance(body, str):
            body = body.encode()
        connection = http.client.HTTPConnection(*self.address, timeout=timeout * PATIENCE)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            response = Response(answer.status, dict(answer.getheaders()), answer.read())
        finally:
            connection.close()
        description().check(method, path, body, response.status, response.headers.get("Content-Type"), response.body, loose)
        return response

    def answer(self, action, body=None, auth="initial", loose=False):
        """The envelope of POST /api/v2?Action=..., success or not. loose: see http()."""
        response = self.http("POST", f"/api/v2?Action={action}", json.dumps(body or {}),
                             {"Content-Type": "application/json"}, auth, loose=loose)
        try:
            return json.loads(response.body)
        except ValueError:
            raise AssertionError(f"{action}: HTTP {response.status} without JSON: {response.body[:500]!r}") from None

    def call(self, action, body=None, auth="initial", loose=False):
        """The data of a successful answer; ApiError otherwise."""
        answer = self.answer(action, body, auth, loose)
        if not answer.get("success"):
            raise ApiError(action, answer)
        return answer.get("data")

    # -- helpers over the API

    def _name(self, prefix):
        self._names += 1
        return f"{prefix}-{os.getpid()}-{self._names}"

    def create_source(self, server, user="root", password="", name=None, **more):
        """Save a connection to a Server; returns the endpoint id."""
        return self.call("CreateMySqlDataSource", {
            "name": name or self._name(server.kind), "ip": server.host, "port": server.port, "userName": user,
            "password": base64.b64encode(password.encode()).decode(), **more})

    def create_project(self, source, sink, mapping, *, struct=True, full=True, incr=True, verify=False,
                       reverse=False, name=None, type="MIGRATION", common=None, struct_config=None,
                       full_config=None, incr_config=None, reverse_config=None, **more):
        """CreateProject; returns the project id. source and sink are endpoint ids or Servers."""
        body = {
            "name": name or self._name("project"), "type": type,
            "sourceEndpointId": source if isinstance(source, str) else self.create_source(source),
            "sinkEndpointId": sink if isinstance(sink, str) else self.create_source(sink),
            "transferMapping": mapping,
            "enableStructTransfer": struct, "enableFullTransfer": full, "enableIncrTransfer": incr,
            "enableFullVerify": verify, "enableReverseIncrTransfer": reverse,
            "commonTransferConfig": {"tableCategory": "ALL", **(common or {})},
            "fullTransferConfig": {"fullTransferSpeedMode": "NORMAL", "fullVerifySpeedMode": "NORMAL",
                                   **(full_config or {})},
            "incrTransferConfig": {"recordTypeWhiteList": ["INSERT", "UPDATE", "DELETE"], **(incr_config or {})},
            **more}
        if struct_config is not None:
            body["structTransferConfig"] = struct_config
        if reverse_config is not None:
            body["reverseIncrTransferConfig"] = reverse_config
        return self.call("CreateProject", body)

    def start_project(self, project):
        self.call("StartProject", {"id": project})

    def project(self, project):
        return self.call("DescribeProject", {"id": project})

    def steps(self, project):
        """{step name: step}, in order."""
        return {step["name"]: step for step in self.call("DescribeProjectSteps", {"id": project})}

    def wait_project(self, project, status, timeout=60):
        """Wait until the project has (one of) the given status; fail at once when it is FAILED instead."""
        wanted = {status} if isinstance(status, str) else set(status)

        def reached():
            now = self.project(project)
            if now["status"] == "FAILED" and "FAILED" not in wanted:
                raise AssertionError(f"project {project} FAILED\n{self.explain()}")
            return now if now["status"] in wanted else None
        return self.wait_for(reached, timeout, f"project {project} is {'/'.join(sorted(wanted))}")

    def wait_step(self, project, step, status, timeout=60):
        """Wait until a step has (one of) the given status; fail at once when it is FAILED instead."""
        wanted = {status} if isinstance(status, str) else set(status)

        def reached():
            now = self.steps(project)
            failed = [name for name, row in now.items() if row["status"] == "FAILED"]
            if failed and "FAILED" not in wanted:
                raise AssertionError(f"step {', '.join(failed)} of {project} FAILED\n{self.explain()}")
            return now[step] if step in now and now[step]["status"] in wanted else None
        return self.wait_for(reached, timeout, f"step {step} of {project} is {'/'.join(sorted(wanted))}")

    def wait_for(self, predicate, timeout, what, interval=0.1):
        """As the function above, and fail at once when the daemon has died."""
        def checked():
            if self.running:
                try:
                    return predicate()
                except (OSError, http.client.HTTPException):
                    if not self._ends_within(2):
                        raise               # a connection can break a moment before its process is seen to be gone
            raise DaemonDied(f"causewayd ended with {self.process.poll()} while waiting: {what}\n{self.log_tail()}")
        return wait_for(checked, timeout, what, interval, self.explain)

    def _ends_within(self, seconds):
        try:
            self.process.wait(seconds)
            return True
        except subprocess.TimeoutExpired:
            return False

    # -- explanations

    def log_lines(self):
        try:
            with open(self.log_path, encoding="utf-8", errors="replace") as file:
                return file.read().splitlines()
        except FileNotFoundError:
            return []

    def log_tail(self, lines=40):
        return "\n".join([f"--- end of {self.log_path}", *self.log_lines()[-lines:]])

    def explain(self):
        """What a person wants to see after a failure: every project's steps and the end of the log."""
        parts = []
        try:
            for project in self.call("ListProjects", {"pageSize": 20}) or []:
                steps = self.call("DescribeProjectSteps", {"id": project["id"]})
                parts.append(f"--- steps of {project['id']} ({project.get('status')})")
                parts += [json.dumps(step, ensure_ascii=False) for step in steps]
        except Exception as error:      # an explanation must not hide what it explains
            parts.append(f"--- no steps: {error!r}")
        return "\n".join([*parts, self.log_tail()])


# ------------------------------------------------------------------------------------------ /proc

def _exe(pid):
    try:
        return os.readlink(f"/proc/{pid}/exe").removesuffix(" (deleted)")
    except OSError:
        return ""


def _worker(entry, program):
    """The Worker behind a /proc entry, or None. A zombie has no exe and is none."""
    if _exe(entry) != program:
        return None
    try:
        with open(f"/proc/{entry}/cmdline", "rb") as file:
            arguments = file.read().decode(errors="replace").split("\0")[:-1]
    except OSError:
        return None
    project, step = (arguments[1:3] + [None, None])[:2]
    return Worker(int(entry), project, step)


def _kill(pid, sig):
    try:
        os.kill(pid, sig)
    except ProcessLookupError:
        pass
