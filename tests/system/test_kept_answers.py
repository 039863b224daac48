"""What DescribeProject and ListProjects keep between calls is never older than the last change that was answered.

The signed dialect makes its answers anew each time: after each of many random changes both have to say the same.
"""

import random

import rpc
from harness.daemon import ApiError, wildcard
from harness.runner import tags, timeout

CHANGES = 60


def plain(value, key=""):
    """The same in both dialects: keys begin small, null is absent, numbers are numbers."""
    if isinstance(value, dict):
        made = {name[:1].lower() + name[1:]: plain(part, name) for name, part in value.items() if part is not None}
        return {name: part for name, part in made.items() if part not in (None, [], {})}
    if isinstance(value, list):
        return [plain(part, key) for part in value]
    try:
        return float(value) if not isinstance(value, bool) else value
    except (TypeError, ValueError):
        return value


def signed(daemon, action, **parameters):
    return plain(rpc.call(daemon, action, parameters).body["Data"])


def held_against(kept, made):
    """The two say the same. What an alert changed between the calls is asked again: kept answers before and after agree then."""
    while True:
        before, anew, after = kept(), made(), kept()
        if before == after:
            assert before == anew, (before, anew)
            return


def same(daemon, ids):
    for project in ids:
        held_against(lambda name=project: plain(daemon.call("DescribeProject", {"id": name})),
                     lambda name=project: signed(daemon, "DescribeProject", Id=name))
    for related in (True, False):
        held_against(lambda flag=related: plain(daemon.call("ListProjects", {"pageSize": 50, "needRelatedInfo": flag})),
                     lambda flag=related: signed(daemon, "ListProjects", PageSize="50", NeedRelatedInfo=str(flag).lower()))


class Changes:
    def __init__(self, daemon, rng):
        self.daemon, self.rng, self.number = daemon, rng, 0
        self.ends = [daemon.call("CreateMySqlDataSource", {"name": name, "ip": "127.0.0.1", "port": 1, "userName": "u",
                                                           "password": "cA=="}) for name in ("a", "b")]
        self.labels = [daemon.call("CreateLabel", {"name": f"first{number}"}) for number in range(3)]
        self.ids = []

    def create(self):
        self.number += 1
        self.ids.append(self.daemon.create_project(*self.ends, wildcard("db.*"), name=f"p{self.number}",
                                                   labelIds=self.rng.sample(self.labels, 1)))

    def rename(self, project):
        self.number += 1
        self.daemon.call("RenameProject", {"id": project, "name": f"renamed{self.number}"})

    def importance(self, project):
        self.daemon.call("UpdateProjectImportance", {"id": project, "importance": self.rng.choice(("HIGH", "MEDIUM", "LOW", "IGNORE"))})

    def config(self, project):
        self.daemon.call("UpdateProjectConfig", {"id": project, "incrTransferConfig": {"throttleRps": self.rng.randrange(1, 99)}})

    def label(self, project):
        self.daemon.call("UpdateProjectLabels", {"id": project, "labelIds": self.rng.sample(self.labels, self.rng.randrange(3))})

    def relabel(self, _):
        self.number += 1
        self.daemon.call("DeleteLabel", {"id": self.labels.pop(0)})
        self.labels.append(self.daemon.call("CreateLabel", {"name": f"l{self.number}"}))

    def source(self, _):
        self.daemon.call("UpdateDataSource", {"id": self.rng.choice(self.ends), "port": self.rng.randrange(1, 20)})

    def operate(self, project):
        self.daemon.call(self.rng.choice(("StartProject", "StopProject", "ResumeProject")), {"id": project})

    def delete(self, project):
        self.daemon.call("DeleteProject", {"id": project})
        self.ids.remove(project)


@tags("quick")
@timeout(200)
def test_kept_answers(env):
    daemon = env.daemon()
    rng = random.Random(5)
    changes = Changes(daemon, rng)
    for _ in range(6):
        changes.create()
    kinds = [changes.rename, changes.importance, changes.config, changes.label, changes.relabel, changes.source,
             changes.operate, changes.operate, changes.delete]
    done = 0
    for _ in range(CHANGES):
        if len(changes.ids) < 4:
            changes.create()
        try:
            rng.choice(kinds)(rng.choice(changes.ids))
            done += 1
        except ApiError:
            pass        # not in this state
        # a project that has been started changes by itself: only what rests can be held against itself
        daemon.wait_for(lambda: all(row["status"] not in ("RUNNING", "RELEASING") for row in
                                    daemon.call("ListProjects", {"pageSize": 50})), 60, "the projects rest")
        same(daemon, changes.ids)
    print(f"    {done} changes, {CHANGES - done} refused", flush=True)
    assert done > CHANGES // 2
