"""Real database servers for tests: a thin wrapper over tests/servers/scratch.sh.

A Server is one data folder and the process that runs on it; it can be killed and started again with the same data,
port and options. A ServerPool keeps servers running between the tests of one run, because starting one costs more
than emptying it.
"""

import atexit
import os
import subprocess
import pymysql

SCRATCH = os.path.normpath(os.path.join(os.path.dirname(__file__), "..", "..", "servers", "scratch.sh"))
KINDS = ("mariadb", "mysql56", "mysql97")
SYSTEM_DATABASES = {"mysql", "information_schema", "performance_schema", "sys"}
SYSTEM_USERS = {"root", "mariadb.sys", "mysql.sys", "mysql.session", "mysql.infoschema"}


class ServerUnavailable(Exception):
    """A kind of server that this machine can't fetch: a reason to skip, not to fail."""


class ScratchError(Exception):
    """scratch.sh failed; the text is what it said."""


def scratch(*arguments, timeout=600):
    """Run scratch.sh and return its output.

    Its standard streams are pipes, but no server keeps one open: scratch.sh redirects them away, so communicate()
    returns as soon as the script ends.
    """
    done = subprocess.run([SCRATCH, *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=timeout, check=False)
    if done.returncode == 3:
        raise ServerUnavailable(done.stderr.strip())
    if done.returncode != 0:
        raise ScratchError(f"scratch.sh {' '.join(map(str, arguments))}\n{done.stderr.strip()}")
    return done.stdout


def install(kind):
    """Make sure a kind can be started; returns its version. Raises ServerUnavailable with the reason."""
    return scratch("install", kind).split()[1]


def quote(name):
    """An SQL identifier."""
    return "`" + name.replace("`", "``") + "`"


class Server:
    """One database server on a data folder of its own.

    options are mysqld options, remembered by the data folder. Further ones can be given to start() and restart().
    """

    _next_id = 100

    def __init__(self, kind, directory, options=(), server_id=None, port=0):
        if kind not in KINDS:
            raise ValueError(f"unknown kind of server: {kind}")
        Server._next_id += 1
        self.kind = kind
        self.directory = os.path.abspath(directory)
        self.options = list(options)
        self.server_id = server_id or Server._next_id
        self.host = "127.0.0.1"
        self.port = int(self._read("port")) if os.path.exists(os.path.join(self.directory, "port")) else port

    def __repr__(self):
        return f"<{self.kind} {self.host}:{self.port} in {self.directory}>"

    # -- process

    def start(self, *options):
        """Start or start again; returns when connections are accepted."""
        fresh = not os.path.isdir(os.path.join(self.directory, "data"))
        given = (self.options if fresh else []) + list(options)
        scratch("start", self.kind, self.directory, self.port, self.server_id, *given)
        self.port = int(self._read("port"))
        return self

    def stop(self):
        scratch("stop", self.directory)

    def kill(self):
        """SIGKILL: what a power cut or the OOM killer does. Data on disk stays as it is."""
        scratch("kill", self.directory)

    def restart(self, *options):
        """An orderly stop and a new start on the same port with the same data."""
        self.stop()
        return self.start(*options)

    @property
    def pid(self):
        """The server's process id, or None when it does not run."""
        try:
            pid = int(self._read("pid"))
            with open(f"/proc/{pid}/cmdline", "rb") as cmdline:
                arguments = cmdline.read().split(b"\0")
        except (FileNotFoundError, ProcessLookupError, ValueError):
            return None
        return pid if f"--datadir={self.directory}/data".encode() in arguments else None

    @property
    def running(self):
        return self.pid is not None

    @property
    def version(self):
        return self._read("version")

    @property
    def version_number(self):
        """The version as a tuple of integers, for comparisons."""
        return tuple(int(part) for part in self.version.split("."))

    @property
    def is_mariadb(self):
        return self.kind == "mariadb"

    @property
    def has_json(self):
        """Whether a column can be declared JSON. (In MariaDB that is LONGTEXT with a check.)"""
        return self.kind != "mysql56"

    @property
    def error_log(self):
        return os.path.join(self.directory, "err.log")

    def _read(self, name):
        with open(os.path.join(self.directory, name), encoding="utf-8") as file:
            return file.read().strip()

    # -- SQL

    def connect(self, user="root", password="", db=None, **more):
        """A pymysql connection, utf8mb4 and autocommit unless told otherwise."""
        settings = {"charset": "utf8mb4", "autocommit": True, "connect_timeout": 10, **more}
        # pymysql encodes a text password as latin-1, the servers expect the bytes of the connection: utf-8.
        return pymysql.connect(host=self.host, port=self.port, user=user, password=password.encode(),
                               database=db, **settings)

    def sql(self, statements, args=None, db=None):
        """Run one statement, or each of a list, as root on a fresh connection; the last one's rows.

        Fresh, so that no session variable, open transaction or current database leaks into the next call.
        """
        if isinstance(statements, str):
            statements = [statements]
        connection = self.connect(db=db)
        try:
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement, args)
                return list(cursor.fetchall())
        finally:
            connection.close()

    def value(self, statement, args=None, db=None):
        """The first column of the first row, or None."""
        rows = self.sql(statement, args, db)
        return rows[0][0] if rows else None

    def databases(self):
        """User databases."""
        return [name for (name,) in self.sql("SHOW DATABASES") if name not in SYSTEM_DATABASES]

    def tables(self, db):
        """Base tables of a database, sorted."""
        return [name for (name,) in self.sql(
            "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s AND TABLE_TYPE = 'BASE TABLE'"
            " ORDER BY TABLE_NAME", [db])]

    def create_user(self, name, password, grants=("ALL PRIVILEGES ON *.*",)):
        """An account for every host, with the given grants."""
        self.sql("CREATE USER %s@'%%' IDENTIFIED BY %s", [name, password])
        for grant in grants:
            self.sql(f"GRANT {grant.replace('%', '%%')} TO %s@'%%'", [name])

    def binlog_position(self):
        """(file, offset) of the end of the binlog."""
        statement = "SHOW BINARY LOG STATUS" if self.kind == "mysql97" else "SHOW MASTER STATUS"
        file, offset = self.sql(statement)[0][:2]
        return file, int(offset)

    def reset(self):
        """Make it look new to the next test: no user databases, no accounts but root, nobody connected.

        Other connections go first: a forgotten transaction would hold the metadata locks that DROP needs.
        """
        self._kill_connections()
        statements = ["SET SESSION foreign_key_checks = 0", "SET SESSION lock_wait_timeout = 20"]
        statements += [f"DROP DATABASE {quote(name)}" for name in self.databases()]
        for user, host in self.sql("SELECT User, Host FROM mysql.user"):
            if user not in SYSTEM_USERS:
                literal = [pymysql.converters.escape_string(part) for part in (user, host)]
                statements.append(f"DROP USER '{literal[0]}'@'{literal[1]}'")
        self.sql(statements)

    def _kill_connections(self):
        connection = self.connect()
        with connection.cursor() as cursor:
            cursor.execute("SELECT ID FROM information_schema.PROCESSLIST WHERE ID <> CONNECTION_ID()"
                           " AND USER NOT IN ('system user', 'event_scheduler')")
            for (thread,) in cursor.fetchall():
                try:
                    cursor.execute(f"KILL {thread}")
                except pymysql.err.MySQLError:
                    pass                # it left in the meantime
        connection.close()


class ServerPool:
    """Servers kept running for a whole run, told apart by kind, role and options."""

    def __init__(self, root):
        self.root = os.path.abspath(root)
        self._servers = {}
        atexit.register(self.close)

    def get(self, kind, role="source", options=()):
        """A running, empty server. The same call gives the same one, emptied: ask once per test and role."""
        key = (kind, role, tuple(options))
        if key not in self._servers:
            directory = os.path.join(self.root, f"{len(self._servers)}-{kind}-{role}")
            self._servers[key] = Server(kind, directory, options)
        server = self._servers[key]
        if not server.running:
            server.start()
        server.reset()
        return server

    def servers(self):
        return list(self._servers.values())

    def close(self):
        """Leave no process behind; also stops private servers below the same root."""
        if os.path.isdir(self.root):
            scratch("stopall", self.root)
