"""Plays a .test file's part of the master against one server.

Only what reaches the master counts: statements on connections to a replica are left out, commands that look at a
replica or at results do nothing. Settings that would take a project's ground away (statement format, unlogged
changes, RESET MASTER) are left out as well; notes says how many of which.
"""

import glob
import os
import re
import threading
import time

import pymysql

from . import parse

SECONDS = 40                # for one file
ROUNDS = 20000              # of one loop
CHECKS = 6                  # of one file
DEPTH = 12                  # of files that source one another
STATEMENT_SECONDS = 20

# Files that set up or watch a replica, the binlog or mysqltest itself: nothing of them reaches the master's data.
IGNORED = re.compile(r"""^(?:
    (?:not|check|wait|sync|save|start|stop|show|reset|kill|print|diff|relocate|assert|count|search|restore|skip|long
      |big|no|list|analyze|binlog_start|setup_fake|cleanup_fake|test_field|io_thd|word|add_anon|delete_anon)_.*
  | have_.* | rpl_(?!multi_engine|mixing|drop|log\.|row|loaddata|implicit|auto|conflicts|partition|xa_empty|ip_mix
      |binlog_max|insert|blackhole|charset|ddl|deadlock|delete|failed|flsh|multi|not_null|relayrotate|set_null
      |set_statement|start_stop|stm_EE|stop_|sv_|tmp|trig|truncate|record|loadfile|EE_err|commit|extra|colSize
      |get_master|mixed|show_binlog|max_relay|reset|test_framework).*\.inc
  | assert\.inc | diff\.inc | diff_tables\.inc | master-slave\.inc | master-slave-end\.inc | show_.* | big_test\.inc
  | long_test\.inc | mysqlbinlog\.inc | sync_.* | stop_dump_threads\.inc | write_var_to_file\.inc
  | default_charset\.inc
)$""", re.VERBOSE)

# Statements a project can't live with, and what the notes call them.
LEFT_OUT = [
    ("binlog_format", re.compile(r"\s*SET\b(?!\s+STATEMENT)[^;]*\bbinlog_format\b", re.I | re.S)),
    ("binlog_row_image", re.compile(r"\s*SET\b(?!\s+STATEMENT)[^;]*\bbinlog_row_image\b", re.I | re.S)),
    ("sql_log_bin", re.compile(r"\s*SET\b(?!\s+STATEMENT)[^;]*\bsql_log_bin\b", re.I | re.S)),
    ("binlog gone", re.compile(r"\s*(RESET\s+MASTER|PURGE\s+(BINARY|MASTER)|FLUSH\s+.*DELETE_DOMAIN_ID)", re.I)),
    ("replica", re.compile(r"\s*(CHANGE\s+MASTER|(START|STOP|RESET)\s+(ALL\s+)?(SLAVE|REPLICA)|SET\s+(GLOBAL\s+|@@global\.)?"
                           r"(gtid_slave_pos|slave_\w+|replicate_\w+|relay_\w+))", re.I)),
    ("server down", re.compile(r"\s*SHUTDOWN\b", re.I)),
    ("server read only", re.compile(r"\s*SET\s+(GLOBAL\s+|@@global\.)read_only\s*=\s*(1|ON|TRUE)", re.I)),
    ("binlog position", re.compile(r"\s*SET\b[^;]*\b(gtid_binlog_state|gtid_seq_no|server_id)\b", re.I | re.S)),
]
DROPPING = re.compile(r"\s*DROP\s+(TABLE|DATABASE|SCHEMA|VIEW)\b", re.I)
WRITING = re.compile(r"\s*(INSERT|UPDATE|DELETE|REPLACE|CREATE|ALTER|RENAME|TRUNCATE|LOAD|CALL|COMMIT|EXECUTE|SELECT\s+\w+\()", re.I)
SHOWING = re.compile(r"\s*(CALL\s+mtr\.|SHOW\s+(MASTER|SLAVE|REPLICA|BINLOG|BINARY|RELAYLOG|ALL\s+SLAVES)|SELECT\s+(MASTER_POS_WAIT|"
                     r"MASTER_GTID_WAIT))", re.I)

SERVER_FILES = (".frm", ".ibd", ".MYD", ".MYI", ".MAD", ".MAI", ".CSV", ".CSM", ".opt", ".TRG", ".TRN", ".par", ".isl",
                ".ARZ", ".MRG", ".cfg")
UNSUITABLE = {              # included files without which the rest makes no sense here
    "have_debug.inc": "needs a debug build of the server", "have_debug_sync.inc": "needs a debug build of the server",
    "have_udf.inc": "needs a test UDF library", "have_udf_example.inc": "needs a test UDF library",
    "restart_mysqld.inc": "restarts the server", "rpl_restart_server.inc": "restarts the server",
    "rpl_stop_server.inc": "stops the server", "shutdown_mysqld.inc": "stops the server",
    "have_example_plugin.inc": "needs the example engine", "have_example_key_management_plugin.inc": "needs a plugin",
    "have_lowercase1.inc": "needs lower_case_table_names", "have_case_insensitive_fs.inc": "needs another file system",
    "have_case_insensitive_file_system.inc": "needs another file system", "have_wsrep.inc": "needs Galera",
    "wait_until_disconnected.inc": "restarts the server", "have_rocksdb.inc": "needs RocksDB",
    "have_windows.inc": "needs Windows", "have_semisync_plugin.inc": "needs a plugin",
}


class Unsuitable(Exception):
    """The file can't be a workload; the text is the reason."""


class _Done(Exception):
    """exit, or the end of what a file does on its own terms."""


class Link:
    """A connection of the test; session is None for a replica's."""

    def __init__(self, name, session):
        self.name = name
        self.session = session
        self.thread = None
        self.fault = None

    def wait(self):
        """For what `send` began."""
        if self.thread is not None:
            self.thread.join(STATEMENT_SECONDS + 5)
            self.thread = None
        fault, self.fault = self.fault, None
        return fault


class Player:
    """server: the Server that plays the master; suites: the folder mysql-test of the package.

    check is called where the file looks at its replica and before its tables are dropped, a few times; what it raises
    ends the file.
    """

    def __init__(self, server, suites, check=None):
        self.server = server
        self.suites = suites
        self.check = check
        self.checks = 0
        self.changed = False            # since the last check
        self.variables = {}
        self.links = {}
        self.current = None
        self.notes = {}
        self.statements = 0             # that reached the server
        self.unexpected = []            # (statement, error): failed although the file does not say so
        self.expected_codes = None
        self.end = 0
        self.folder = ""

    def play(self, path):
        """Run the file. Raises Unsuitable; whatever else goes wrong at the server is counted, not raised."""
        self.folder = os.path.dirname(path)
        self.end = time.monotonic() + SECONDS
        self._defaults()
        self._connect("default", "root", "", "test")
        for name in ("master", "master1", "server_1", "server_1_1"):
            self._connect(name, "root", "", "test")
        for name in ("slave", "slave1", "server_2", "server_2_1"):
            self.links[name] = Link(name, None)
        self._switch("master" if "master-slave" in _text(path) else "default")
        try:
            self._run(parse.parse_file(path), 0)
        except _Done:
            pass
        finally:
            for link in self.links.values():
                link.wait()
                if link.session is not None:
                    link.session._force_close()
            self._end_prepared()
            self._remove_files()

    def _end_prepared(self):
        """Prepared XA transactions outlive their connections, and hold their locks."""
        for _ in range(100):
            prepared = [row[3] for row in self.server.sql("XA RECOVER FORMAT='SQL'")]
            if not prepared:
                return
            for xid in prepared:
                try:
                    self.server.sql(f"XA ROLLBACK {xid}")
                except pymysql.err.MySQLError:
                    time.sleep(0.05)    # its connection is still about to end

    def _remove_files(self):
        """SELECT ... INTO OUTFILE may have left some in a database's folder, which then can't be dropped."""
        for path in glob.glob(os.path.join(self.server.directory, "data", "*", "*")):
            folder = os.path.basename(os.path.dirname(path))
            if folder not in ("mysql", "performance_schema", "sys") and not path.endswith(SERVER_FILES):
                if os.path.isfile(path):
                    os.unlink(path)

    def _defaults(self):
        """The variables of mysql-test-run that statements use."""
        var = os.path.join(self.server.directory, "var")
        os.makedirs(os.path.join(var, "tmp"), exist_ok=True)
        if not os.path.islink(os.path.join(var, "std_data")):
            os.symlink(os.path.join(self.suites, "std_data"), os.path.join(var, "std_data"))
        self.variables.update({
            "MYSQLTEST_VARDIR": var, "MYSQL_TEST_DIR": self.suites, "MYSQL_TMP_DIR": os.path.join(var, "tmp"),
            "MASTER_MYPORT": str(self.server.port), "SLAVE_MYPORT": "1", "engine_type": "InnoDB",
            "SERVER_MYPORT_1": str(self.server.port), "SERVER_MYPORT_2": "1", "DEFAULT_MASTER_PORT": str(self.server.port),
            "MASTER_MYSOCK": os.path.join(self.server.directory, "s.sock"), "mysql_errno": "0", "mysql_errname": "",
            "BIG_TEST": "0", "rpl_debug": "0", "MYSQLD_DATADIR": os.path.join(self.server.directory, "data"),
            "default_engine": "InnoDB", "engine": "InnoDB"})

    def note(self, what):
        self.notes[what] = self.notes.get(what, 0) + 1

    # -- connections

    def _connect(self, name, user, password, db):
        try:
            session = self.server.connect(
                user, password, db or None, charset="latin1", local_infile=True, read_timeout=STATEMENT_SECONDS,
                conv={}, use_unicode=False, client_flag=pymysql.constants.CLIENT.MULTI_STATEMENTS)
        except (pymysql.err.MySQLError, OSError) as error:
            self.links[name] = Link(name, None)
            if self.expected_codes is None:
                self.unexpected.append((f"connect {name} as {user}", str(error)))
            return
        self.links[name] = Link(name, session)

    def _switch(self, name):
        name = name.strip()
        if name not in self.links:
            self.links[name] = Link(name, None)
            self.note(f"connection {name} never made")
        self.current = self.links[name]

    @property
    def on_replica(self):
        return self.current.session is None

    # -- variables

    def expand(self, text):
        """Variables in a text; unknown ones are empty, as everywhere in this reader."""
        def value(match):
            return match.group()[1:] if match.group().startswith("\\") else self.variables.get(match.group(1), "")
        return re.sub(r"\\\$|\$(\w+)", value, text)

    def value(self, text):
        """The value of an expression on the right of let or in a condition."""
        text = text.strip()
        if text.startswith("`"):
            return self._query_value(self.expand(text.strip("`")))
        if text.startswith("query_get_value"):
            return self._get_value(self.expand(text[len("query_get_value"):].strip().strip("()")))
        if text.startswith("$") and "(" in text and re.match(r"\$\w+\s*$", text) is None:
            return self.expand(text)
        return self.expand(text)

    def _query_value(self, query):
        rows = self._rows(query)
        return "\t".join("NULL" if cell is None else cell.decode("latin-1") for cell in rows[0]) if rows else ""

    def _get_value(self, arguments):
        query, column, number = (part.strip().strip("'\"") for part in arguments.rsplit(",", 2))
        names = []
        rows = self._rows(query, names)
        place = int(number) - 1 if number.isdigit() else 0
        if column not in names or place >= len(rows):
            return "No such row"
        cell = rows[place][names.index(column)]
        return "NULL" if cell is None else cell.decode("latin-1")

    def _rows(self, query, names=None):
        if self.on_replica:
            return []
        self.current.wait()
        session = self.current.session
        try:
            session.query(query.encode("latin-1", "replace"))
            result = session._result
            if names is not None and result.description:
                names += [column[0] for column in result.description]
            rows = list(result.rows or [])
            while session._result.has_next:
                session.next_result()
            return rows
        except (pymysql.err.MySQLError, OSError) as error:
            self.unexpected.append((query, str(error)))
            return []

    def _let(self, text):
        name, _, value = text.partition("=")
        name = name.strip().lstrip("$")
        if re.fullmatch(r"\w+", name):
            self.variables[name] = self.value(value)

    def _step(self, text, by):
        name = text.strip().lstrip("$").rstrip(";")
        self.variables[name] = str(_integer(self.variables.get(name, "0")) + by)

    def true(self, condition):
        condition = condition.strip()
        if condition.startswith("(") and condition.endswith(")"):
            condition = condition[1:-1].strip()
        negated = condition.startswith("!")
        condition = condition.lstrip("!").strip()
        compared = re.match(r"^(\$\w+)\s*(==|!=|<=|>=|<|>)\s*(.*)$", condition, re.S)
        if compared:
            return _compare(self.value(compared.group(1)), compared.group(2),
                            self.value(compared.group(3)).strip("'\"")) != negated
        return _truth(self.value(condition)) != negated

    # -- commands

    def _run(self, commands, depth):
        for command in commands:
            if time.monotonic() > self.end:
                raise Unsuitable(f"takes longer than {SECONDS} s here, at line {command.line}")
            if command.name == "if":
                if self.true(command.text):
                    self._run(command.body, depth)
            elif command.name == "while":
                self._loop(command, depth)
            elif command.name == "source":
                self._source(self.expand(command.text).strip().rstrip(";"), depth)
            elif command.name == "error":
                self.expected_codes = [code.strip() for code in self.expand(command.text).split(",")]
            else:
                self._one(command)
                if command.name not in ("let", "inc", "dec", "echo") and not command.name.startswith(
                        ("replace_", "enable_", "disable_", "sorted_")):
                    self.expected_codes = None

    def _loop(self, command, depth):
        rounds = 0
        while self.true(command.text):
            rounds += 1
            if rounds > ROUNDS:
                raise Unsuitable(f"line {command.line}: a loop that does not end without a replica")
            self._run(command.body, depth)

    def _source(self, name, depth):
        base = os.path.basename(name)
        if base in UNSUITABLE:
            raise Unsuitable(UNSUITABLE[base])
        if base == "rpl_connection.inc":
            return self._switch(self.variables.get("rpl_connection_name", ""))
        if base in ("diff_tables.inc", "rpl_sync.inc", "sync_with_master_gtid.inc", "sync_slave_sql_with_master.inc"):
            self._check()
        if base in ("sync_slave_sql_with_master.inc", "sync_slave_io_with_master.inc"):
            return self._switch("slave")
        if base == "rpl_connect.inc":
            number = self.variables.get("rpl_server_number", "1")
            name = self.variables.get("rpl_connection_name", "")
            if number == "1":
                return self._connect(name, "root", "", "test")
            self.links[name] = Link(name, None)
            return None
        if base in ("wait_condition.inc", "wait_condition_sp.inc", "wait_show_condition.inc"):
            return self._wait_condition()
        if IGNORED.match(base):
            return None
        for folder in (self.folder, self.suites, os.path.join(os.path.dirname(self.folder), "include"),
                       os.path.dirname(self.folder), os.path.join(os.path.dirname(self.folder), "t")):
            path = os.path.join(folder, name)
            if os.path.isfile(path):
                if depth >= DEPTH:
                    raise Unsuitable("files that source one another without end")
                return self._run(parse.parse_file(path), depth + 1)
        raise Unsuitable(f"sources {name}, which the package has not")

    def _check(self):
        if self.check is not None and self.changed and self.checks < CHECKS:
            self.checks += 1
            self.changed = False
            began = time.monotonic()
            self.check()
            self.end += time.monotonic() - began

    def _wait_condition(self):
        condition = self.variables.get("wait_condition", "")
        end = time.monotonic() + 5
        while condition and not self.on_replica and not _truth(self._query_value(condition)):
            if time.monotonic() > end:
                self.note("a condition that never came")
                return
            time.sleep(0.05)

    def _one(self, command):
        name, text = command.name, command.text
        if name in ("", "query", "query_vertical", "query_horizontal"):
            self._sql(text)
        elif name in ("eval", "evalp"):
            self._sql(self.expand(text))
        elif name in ("send", "send_eval"):
            self._send(self.expand(text) if name == "send_eval" else text)
        elif name == "reap":
            self._judge("reap", self.current.wait())
        elif name == "let":
            self._let(text)
        elif name in ("inc", "dec"):
            self._step(text, 1 if name == "inc" else -1)
        elif name == "connection":
            self._switch(self.expand(text))
        elif name == "connect":
            self._new_link(self.expand(text))
        elif name in ("disconnect", "dirty_close"):
            self._drop_link(self.expand(text).strip())
        elif name == "sync_slave_with_master":
            self._check()
            self._switch(self.expand(text) or "slave")
        elif name in ("write_file", "append_file"):
            self._file(self.expand(text).split()[0], command.body, "w" if name == "write_file" else "a")
        elif name in ("remove_file", "copy_file"):
            self._move(name, self.expand(text).split())
        elif name in ("shutdown_server", "send_shutdown"):
            raise Unsuitable("stops the server")
        elif name in ("exec", "execw", "perl", "system"):
            self.note(name)
        elif name in ("exit", "skip"):
            raise _Done if name == "exit" else Unsuitable(f"skips itself: {self.expand(text)}")
        elif name == "die":
            self.note(f"line {command.line}: {self.expand(text)[:60]}")     # about a replica that is not there
            raise _Done
        elif name in ("sleep", "real_sleep") and not self.on_replica:
            time.sleep(min(0.1, float(re.match(r"[\d.]*", self.expand(text)).group() or 0)))
        elif name in ("change_user", "reset_connection"):
            self._again()

    def _new_link(self, text):
        arguments = [part.strip() for part in text.strip().strip("()").split(",")]
        arguments += [""] * (7 - len(arguments))
        name, _, user, password, db, port = arguments[:6]
        replica = port not in ("", self.variables["MASTER_MYPORT"], "0") or "slave" in name
        if replica:
            self.links[name] = Link(name, None)
        else:
            self._connect(name, user or "root", password, {"": "test", "*NO-ONE*": None}.get(db, db))
        self._switch(name)

    def _drop_link(self, name):
        link = self.links.pop(name, None)
        if link is not None and link.session is not None:
            link.wait()
            link.session._force_close()
            time.sleep(0.02)            # mysqltest's next statement comes later than that, too
        if link is not None and name in ("default", "master", "master1", "server_1"):
            self.links[name] = Link(name, None)

    def _again(self):
        name = self.current.name
        if not self.on_replica:
            self.current.session._force_close()
            self._connect(name, "root", "", "test")
            self._switch(name)

    def _file(self, path, lines, mode):
        if not path.startswith(self.server.directory):
            return self.note("a file elsewhere")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, mode, encoding="latin-1") as file:
            file.write("".join(line + "\n" for line in lines))
        return None

    def _move(self, name, paths):
        if paths and paths[-1].startswith(self.server.directory):
            try:
                if name == "remove_file":
                    os.unlink(paths[0])
                else:
                    with open(paths[0], "rb") as source, open(paths[1], "wb") as made:
                        made.write(source.read())
            except OSError:
                self.note("a file that is not there")

    # -- statements

    def _left_out(self, statement):
        for what, pattern in LEFT_OUT:
            if pattern.match(statement):
                self.note(what)
                return True
        return SHOWING.match(statement) is not None

    def _sql(self, statement):
        if self.on_replica:
            return
        if not self._left_out(statement):
            statement = statement.replace("../../std_data/", self.variables["MYSQLTEST_VARDIR"] + "/std_data/")
            self.current.wait()
            if DROPPING.match(statement):
                self._check()
            elif WRITING.match(statement):
                self.changed = True
            self._judge(statement, self._execute(self.current.session, statement))

    def _send(self, statement):
        if self.on_replica or self._left_out(statement):
            return
        link = self.current
        link.wait()

        def work():
            link.fault = self._execute(link.session, statement)
        link.thread = threading.Thread(target=work, daemon=True)
        link.thread.start()
        time.sleep(0.05)                # `send` begins before the next command does

    def _execute(self, session, statement):
        """None, or the error."""
        try:
            session.query(statement.encode("latin-1", "replace"))
            while session._result.has_next:
                session.next_result()
            self.statements += 1
            self.variables["mysql_errno"] = "0"
            return None
        except (pymysql.err.MySQLError, OSError, AttributeError) as error:
            self.variables["mysql_errno"] = str(error.args[0]) if error.args else ""
            return error

    def _judge(self, statement, fault):
        expected = self.expected_codes
        if fault is not None and expected is None:
            self.unexpected.append((statement[:120], str(fault)[:160]))


def _text(path):
    with open(path, encoding="latin-1") as file:
        return file.read()


def _integer(text):
    match = re.match(r"\s*-?\d+", text)
    return int(match.group()) if match else 0


def _truth(text):
    text = text.strip().strip("'\"")
    return bool(text) and (not re.fullmatch(r"-?\d+", text) or int(text) != 0)


def _compare(left, sign, right):
    both = [left.strip(), right.strip()]
    if all(re.fullmatch(r"-?\d+", text) for text in both):
        left, right = map(int, both)
    elif sign not in ("==", "!="):
        left, right = _integer(left), _integer(right)
    return {"==": left == right, "!=": left != right, "<": left < right, ">": left > right,
            "<=": left <= right, ">=": left >= right}[sign]
