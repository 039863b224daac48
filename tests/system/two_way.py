"""Steps that the tests of two-way projects share: a pair of projects in step, draining both ways, kills, conflicts,
and what an independent reader of both binlogs has to find."""

import collections
import random
import threading
import time
import uuid

import binlog_reader
from common import INCR, tree, wait_monitoring
from ddl_steps import MARKS, DML
from harness import compare
from pair_load import PairLoad, V_COLUMN

PAIRS = (("mariadb", "mariadb"), ("mysql97", "mariadb"), ("mysql56", "mysql97"))
COMPLEMENT = {"FAIL": "FAIL", "OVERWRITE": "IGNORE", "IGNORE": "OVERWRITE"}
WITNESS = "cw_witness"          # counts at each end how often a ledger's row arrived; in no project
RELAY = "TRANSFER_INCR_LOG_PULL"


class Pair:
    """Two servers ("a": source, "b": target) and the two projects between them."""

    def __init__(self, env, source, target, databases=("app",), strategy="FAIL", detection=None, faults=None, ddl=None,
                 daemon=None):
        self.env, self.source, self.target, self.databases = env, source, target, list(databases)
        self.ends = {"a": source, "b": target}
        source.sql([f"CREATE DATABASE {MARKS}", f"CREATE TABLE {MARKS}.m (id CHAR(32) CHARACTER SET ascii PRIMARY KEY)"])
        self.daemon = daemon or env.daemon(faults.arguments if faults else ())
        self.config = {"recordTypeWhiteList": DML, "conflictStrategy": strategy, "incrSyncConcurrency": 8}
        if detection:
            self.config["conflictDetection"] = detection
        if ddl is not None:
            self.config.update(recordTypeWhiteList=[*DML, "DDL"], supportDDLTypes=ddl)
        self.forward = self.reverse = None
        self.since = {}

    # -- projects

    def start_forward(self):
        self.forward = self.daemon.create_project(
            self.source, self.target, tree([*self.databases, MARKS]), common={"activeActive": True},
            incr_config=self.config)
        self.daemon.start_project(self.forward)
        wait_monitoring(self.daemon, self.forward)
        return self

    def configure(self, **config):
        """Make the reverse project, as ConfigureReverseProject does it by default unless told otherwise."""
        body = {"id": self.forward}
        if config:
            body["incrTransferConfig"] = config
        self.reverse = self.daemon.call("ConfigureReverseProject", body)
        return self

    def start_reverse(self, **config):
        self.configure(**config)
        self.daemon.start_project(self.reverse)
        wait_monitoring(self.daemon, self.reverse)
        return self

    def start(self, **config):
        """Both projects in their steady state; the binlogs are looked at from here on."""
        self.start_forward()
        self.start_reverse(**config)
        self.look()
        return self

    def look(self):
        self.since = {end: binlog_reader.here(server) for end, server in self.ends.items()}

    def project(self, way):
        """way: "ab" is the forward project, "ba" the reverse one."""
        return self.forward if way == "ab" else self.reverse

    def stop(self, way):
        self.daemon.call("StopProject", {"id": self.project(way)})
        self.daemon.wait_for(lambda: not self.daemon.workers(self.project(way)), 30, "the workers have stopped")

    def resume(self, way):
        self.daemon.call("ResumeProject", {"id": self.project(way)})

    def going(self, way, timeout=60):
        """Until it is in its steady state again. Right after ResumeProject its step may still say FAILED."""
        def reached():
            assert self.daemon.project(self.project(way))["status"] != "FAILED", self.daemon.explain()
            return self.step(way)["status"] == "MONITORING"
        self.daemon.wait_for(reached, timeout, f"{way} is in its steady state")

    def step(self, way):
        return self.daemon.steps(self.project(way))[INCR]

    def release(self):
        """Reverse before forward."""
        for way in ("ba", "ab"):
            if self.daemon.project(self.project(way))["status"] in ("RUNNING", "MONITORING"):
                self.stop(way)
            self.daemon.call("ReleaseProject", {"id": self.project(way)})
            self.daemon.wait_project(self.project(way), "RELEASED", 60)

    # -- the streams

    def drain(self, way, timeout=60):
        """Until what was written before at one end is at the other; fails at once when the step stops."""
        here, there = self.ends[way[0]], self.ends[way[1]]
        mark = uuid.uuid4().hex
        here.sql(f"INSERT INTO {MARKS}.m VALUES (%s)", [mark])

        def arrived():
            if there.value(f"SELECT COUNT(*) FROM {MARKS}.m WHERE id = %s", [mark]):
                return True
            if self.daemon.project(self.project(way))["status"] == "FAILED":
                raise AssertionError(f"project {way} FAILED\n{self.daemon.explain()}")
            return False
        self.daemon.wait_for(arrived, timeout, f"the mark written at {way[0]} is at {way[1]}")

    def drain_both(self, rounds=1, timeout=60):
        """What a conflict sets going passes the pair several times: OVERWRITE notes, IGNORE answers, it is applied."""
        for _ in range(rounds):
            self.drain("ab", timeout)
            self.drain("ba", timeout)

    def equal(self, timeout=30, databases=None):
        """Equal now, or as soon as the transactions under way are committed."""
        end = time.monotonic() + timeout
        while True:
            result = compare.compare_databases(self.source, self.target, databases or self.databases)
            if result.equal:
                assert result.tables, "no table was compared"
                return result
            if time.monotonic() > end:
                raise AssertionError(f"{self.source} and {self.target} differ: {result}\n{self.daemon.explain()}")
            time.sleep(0.3)

    def settle(self, rounds=1, timeout=60):
        self.drain_both(rounds, timeout)
        return self.equal()

    def loads(self, kind, db="app", **options):
        """A PairLoad at each end, running."""
        made = []
        for end, server in self.ends.items():
            made.append(PairLoad(server, db, end, kind, directory=f"{self.env.dir}/load-{end}-{kind}-{uuid.uuid4().hex[:6]}",
                                 **options))
            self.env.cleanup(made[-1].stop, False)
            made[-1].start()
        return made

    def at_once(self, here, there):
        """Statements at the source and at the target, each in a transaction, neither of which has seen the other.

        The target's are done and not committed when the source's commit, and hold their rows' locks.
        """
        connections = [self.source.connect(autocommit=False), self.target.connect(autocommit=False)]
        try:
            for connection, statements in zip(reversed(connections), (there, here)):
                with connection.cursor() as cursor:
                    for statement in [statements] if isinstance(statements, str) else statements:
                        cursor.execute(statement)
            for connection in connections:
                connection.commit()
        finally:
            for connection in connections:
                connection.close()

    # -- conflicts

    def conflicts(self, way, **filters):
        """All records of one direction, oldest first."""
        found, page = [], 1
        while True:
            rows = self.daemon.call("ListConflictRecords", {"projectId": self.project(way), "stepName": INCR,
                                                            "pageNumber": page, "pageSize": 100, **filters})
            found += rows
            if len(rows) < 100:
                return sorted(found, key=lambda row: (row["seq"], row["n"]))
            page += 1

    def counted(self, way):
        """What the step itself says of its conflicts."""
        return (self.step(way)["stepInfo"] or {}).get("conflicts") or {"total": 0}

    def wait_conflicts(self, way, count, timeout=30, **filters):
        """Until there are so many records, and no more of them come with what is drained now."""
        rows = []

        def enough():
            rows[:] = self.conflicts(way, **filters)
            return len(rows) >= count
        self.daemon.wait_for(enough, timeout, lambda: f"{count} conflicts of {way}, so far {rows}")
        assert len(rows) == count, rows
        return rows

    # -- the independent reader

    def groups(self, end, images=()):
        return binlog_reader.groups(self.ends[end], self.since[end], images)


# ------------------------------------------------------------------------------------------ under fire

class Fire:
    """Kills a worker of either direction, or the daemon, which it starts again, until there were enough kills."""

    def __init__(self, pair, seed, pause):
        self.pair, self.random, self.pause = pair, random.Random(seed), pause
        self.victims = collections.Counter()
        self.kills = 0
        self.fault = None
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def start(self):
        self._thread.start()
        return self

    def wait(self, kills, timeout):
        """Until so many processes were killed; then it stops."""
        end = time.monotonic() + timeout
        while self.kills < kills and self.fault is None and time.monotonic() < end:
            self._end.wait(0.05)
        self.stop()
        assert self.kills >= kills, f"only {self.kills} kills in {timeout} s: {dict(self.victims)}"

    def stop(self):
        self._end.set()
        self._thread.join(90)
        if self.fault:
            raise self.fault

    def _work(self):
        try:
            while not self._end.wait(self.random.uniform(0.05, self.pause)):    # the moment is random: no condition
                self._strike()
        except Exception as error:      # shown by stop()
            self.fault = error

    def _strike(self):
        daemon = self.pair.daemon
        if self.random.random() < 0.15:
            daemon.kill9()
            daemon.start()
            self._count("daemon")
            return
        way = self.random.choice(["ab", "ba"])
        step = INCR if self.random.random() < 0.8 else RELAY
        if daemon.kill_workers(self.pair.project(way), step):
            self._count(f"{way} {step}")

    def _count(self, victim):
        self.kills += 1
        self.victims[victim] += 1


# ------------------------------------------------------------------------------------------ each exactly once

def place_witnesses(pair, db="app"):
    """At each end a trigger that notes every row that comes into the ledger, also one that comes a second time."""
    for server in pair.ends.values():
        server.sql([
            "SET SESSION sql_log_bin = 0", f"CREATE DATABASE {WITNESS}",
            f"CREATE TABLE {WITNESS}.arrival (n BIGINT AUTO_INCREMENT PRIMARY KEY, id VARCHAR(24) CHARACTER SET ascii NOT NULL)",
            f"CREATE TRIGGER {db}.cw_arrived AFTER INSERT ON {db}.ledger FOR EACH ROW"
            f" INSERT INTO {WITNESS}.arrival (id) VALUES (NEW.id)"])


def check_witnesses(pair, ids):
    for end, server in pair.ends.items():
        counts = dict(server.sql(f"SELECT id, COUNT(*) FROM {WITNESS}.arrival GROUP BY id"))
        twice = [key for key, count in counts.items() if count != 1]
        assert not twice, f"{len(twice)} transactions came more than once to {end}: {twice[:10]}"
        missing = ids - counts.keys()
        assert not missing, f"{len(missing)} transactions never came to {end}: {sorted(missing)[:10]}"


def check_binlogs(pair, ids, db="app"):
    """Every ledger id once in its own end's binlog, unmarked, and once in the other's, marked; no mark but as the first
    row event, one a transaction. Returns how many groups were read."""
    ledger = f"{db}.ledger"
    seen = {True: collections.Counter(), False: collections.Counter()}
    read = 0
    for end in pair.ends:
        for group in pair.groups(end, [ledger]):
            read += 1
            lanes = group.lanes()
            if not group.users():
                continue                # a worker that takes its task over raises the epoch of all its rows
            assert lanes <= 1, f"{lanes} marks in one transaction at {end}: {group}"
            assert lanes == 0 or group.marked(), f"the mark is not the first row event at {end}: {group}"
            for row in group.rows:
                if row.table != ledger:
                    continue
                key = row.after[1] if row.after else row.before[1]
                assert row.kind == "INSERT", f"a {row.kind} of {key} at {end}: nobody does that"
                foreign = not key.startswith(end)
                assert group.marked() == foreign, f"{key} at {end}, marked {group.marked()}: {group}"
                seen[foreign][key] += 1
    for foreign, what in ((False, "written"), (True, "applied")):
        wrong = {key: count for key, count in seen[foreign].items() if count != 1}
        assert not wrong, f"{len(wrong)} transactions {what} more than once: {list(wrong.items())[:10]}"
        assert set(seen[foreign]) == ids, (f"{what}: {len(seen[foreign])} of {len(ids)};"
                                           f" missing {sorted(ids - set(seen[foreign]))[:5]},"
                                           f" too many {sorted(set(seen[foreign]) - ids)[:5]}")
    return read


def check_silence(pair, databases):
    """Nothing goes round: marks pass both ways several times, and both binlogs hold nothing of users' tables but them."""
    pair.drain_both(2)
    pair.look()
    pair.drain_both(3)
    for end in pair.ends:
        for group in pair.groups(end):
            stray = [row for row in group.users() if row.table.split(".")[0] in databases]
            assert not stray, f"something still moves at {end}: {group}"
        marks = sum(1 for group in pair.groups(end) for row in group.users() if row.table == f"{MARKS}.m")
        assert marks == 6, f"{marks} row events of 6 marks at {end}"


# ------------------------------------------------------------------------------------------ conflicts

class Versions:
    """What became of every version of the rows that both ends write: each has a value of its own in column v.

    made: versions that a client wrote at an end. carried: versions that were applied at an end. taken: versions that a
    client, having them before its eyes, changed or deleted, at any end.
    """

    def __init__(self, pair, db, tables):
        self.pair, self.db, self.tables = pair, db, tables
        self.made = {"a": set(), "b": set()}
        self.carried = {"a": set(), "b": set()}
        self.taken = set()
        for end in pair.ends:
            for group in pair.groups(end, [f"{db}.{name}" for name in tables]):
                self._read(end, group)

    def _read(self, end, group):
        marked = group.marked()
        assert group.lanes() <= 1 or not group.users(), group
        for row in group.rows:
            if not row.table.startswith(self.db + "."):
                continue
            if row.after:
                (self.carried if marked else self.made)[end].add(row.after[V_COLUMN])
            if row.before and not marked:
                self.taken.add(row.before[V_COLUMN])

    def final(self):
        return {row[0] for name in self.tables for row in self.pair.source.sql(f"SELECT v FROM {self.db}.{name}")}

    def check(self, records):
        """records: {"ab": […], "ba": […]}. Returns how many versions only the records know of."""
        after = {way: collections.Counter(row["after"]["v"] for row in rows if row["after"]) for way, rows in records.items()}
        met = {row["v"] for rows in records.values() for record in rows for row in record["target"]}
        every = self.made["a"] | self.made["b"]
        for way, rows in records.items():
            here, there = way
            keys = collections.Counter((row["seq"], row["n"]) for row in rows)
            assert max(keys.values(), default=1) == 1, f"{way}: several records of {keys.most_common(3)}"
            twice = [item for item in after[way].most_common(5) if item[1] > 1]
            assert not twice, f"{way}: several records of one change: {twice}"
            # what did not come to the other end is told by that direction
            silent = self.made[here] - self.carried[there] - set(after[way])
            assert not silent, f"{len(silent)} versions neither came from {here} to {there} nor are recorded: {sorted(silent)[:10]}"
            false = {row["after"]["v"] for row in rows if row["after"] and row["decision"] == "IGNORED"} & self.carried[there]
            assert not false, f"{way}: recorded as ignored, but applied: {sorted(false)[:10]}"
            invented = set(after[way]) - self.made[here]
            assert not invented, f"{way}: records of versions that {here} never had: {sorted(invented)[:10]}"
        assert met <= every, f"records tell of rows that nobody wrote: {sorted(met - every)[:10]}"
        # and a version that an end had, and that no client replaced knowingly, is the last one or in a record
        known = self.final() | self.taken
        told = set(after["ab"]) | set(after["ba"]) | met
        lost = every - known - told
        assert not lost, f"{len(lost)} versions are gone without a record: {sorted(lost)[:10]}"
        return len(every - known)


