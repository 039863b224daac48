"""Where the test files are, and list.txt: which of them are run, how, and which are not and why."""

import collections
import os

from harness.runner import Skip

HERE = os.path.dirname(os.path.abspath(__file__))
Entry = collections.namedtuple("Entry", "suite name how detail ci")


def root():
    """The folder mysql-test of the package, as tests/install.sh unpacked it; Skip when it is not there."""
    cache = os.environ.get("CAUSEWAY_CACHE") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "causeway")
    path = os.path.join(cache, "mariadb-test")
    if not os.path.isfile(os.path.join(path, "version")):
        raise Skip(f"the package mariadb-test-data is not unpacked in {path}: tests/install.sh test says why")
    return path


def path_of(entry):
    return os.path.join(root(), "suite", entry.suite, "t", entry.name + ".test")


def entries():
    """list.txt, a line a file: SUITE/NAME HOW [DETAIL]. HOW is one of

    run                both ends are equal at the end
    ci                 run, and also in the short selection
    stops WORD REASON  the project refuses a statement, and says so with this word in its message; in the short selection
    out REASON         not run
    """
    found = []
    with open(os.path.join(HERE, "list.txt"), encoding="utf-8") as file:
        for line in file:
            if line.startswith("#") or not line.strip():
                continue
            place, how, *detail = line.split(None, 2)
            suite, name = place.split("/")
            found.append(Entry(suite, name, "run" if how == "ci" else how, detail[0] if detail else "", how in ("ci", "stops")))
    return found


def files():
    """Every .test file of the two suites as (suite, name)."""
    return sorted((suite, name[:-len(".test")]) for suite in ("rpl", "binlog")
                  for name in os.listdir(os.path.join(root(), "suite", suite, "t")) if name.endswith(".test"))
