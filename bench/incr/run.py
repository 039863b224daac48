#!/usr/bin/python3
"""Incremental synchronisation beside MariaDB's own replication.

    bench/incr/run.py [--scale N] [--rounds N] [--only CASE] [--loads NAME,...] [--modes durable,relaxed] [--natives NAME,...] [--json]

Three servers of its own: a source, a native replica (it writes a binlog, as the product's target does) and the product's target. Cases:

  catchup  a backlog of sysbench's transactions (write-only: 4 rows; update-index and insert: 1 row), written by 16 sessions, then
           applied by turns: native replication, product. Transactions a second from a first mark in it to its end. Each of native
           replication's settings gets one backlog, the best of them --rounds
  hot      the same, durable; all transactions change 4 of the same 10 rows
  latency  500 transactions a second (write-only, durable): from acknowledged at the source to visible at the target
  marker   the mark in each target transaction: binlog bytes beside native's for the same transactions, and what its statement costs
  far      the product alone, its target behind a link with 26 ms of round trip

Only ratios of one run count. Ends are compared row by row after each case.
"""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
REPOSITORY = os.path.normpath(os.path.join(HERE, "..", ".."))
sys.dont_write_bytecode = True
sys.path[:0] = [REPOSITORY, HERE]
from bench import common                # noqa: E402 - the path has to be set first
import ends                             # noqa: E402
import far                              # noqa: E402
import loads                            # noqa: E402
import marker                           # noqa: E402
import native                           # noqa: E402

WRITE, LATENCY_RATE, DELAY_MS = "write-only", 500, 26
CATCH_UP = ["write-only", "update-index", "insert"]
TARGETS = {("write-only", "durable"): ("incremental catch-up, durable, small transactions (sysbench write-only)", 2.0),
           ("write-only", "relaxed"): ("incremental catch-up, relaxed (sysbench write-only)", 1.3),
           ("hot", "durable"): ("incremental, hot rows (all transactions touch 10 rows)", 1.0)}
HEADS = {"rate": ("trx/s", 0), "sourceCpu": ("CPU s: source", 2), "endCpu": ("target", 2), "toolCpu": ("product", 2),
         "bytes": ("binlog bytes a transaction", 0), "batch": ("transactions a commit", 1), "peakMiB": ("peak MiB", 0)}

# ------------------------------------------------------------------------------------------ a backlog


def against(bench, load):
    """Every native setting once, the best of them several times; the product beside each, on the same backlog.

    Returns {who: [figures]}, the best native setting, and [(native's, product's figures)] of its backlogs.
    """
    pairs = []
    for number, setting in enumerate(bench.options.natives):
        pairs.append(bench.pair(load, setting, number % 2))
    best = max((theirs for theirs, _ in pairs), key=lambda one: one["rate"])["who"]
    for number in range(bench.options.rounds - 1):
        pairs.append(bench.pair(load, best, number % 2 == 0))
    measured = {"product": []}
    for theirs, ours in pairs:
        measured.setdefault(theirs["who"], []).append(theirs)
        measured["product"].append(ours)
    return measured, best, [pair for pair in pairs if pair[0]["who"] == best]


def catch_up(bench, report, wanted, modes):
    for mode in modes:
        bench.mode(mode)
        for load in wanted:
            common.say(f"{load}, {mode}")
            measured, best, pairs = against(bench, load)
            report.data[f"{load} {mode}"] = {"best": best, **measured}
            show(report, f"{load}, {mode}: a backlog of {bench.transactions(load):,} transactions of {loads.LOADS[load][0]} row(s)", measured)
            ratio = common.statistics.median(ours["rate"] / theirs["rate"] for theirs, ours in pairs)
            what, limit = TARGETS.get((load, mode), (None, None))
            if what:
                report.target(what, f"times native replication ({best})", ">=", limit, ratio)
            report.text(f"{ratio:.2f} times native replication's best, {best} (median of {len(pairs)}).")
    bench.mode("durable")
    bench.compare()


def show(report, title, measured):
    report.text(f"## {title}")
    report.table(["who", *(head for head, _ in HEADS.values())], [
        [who, *(common.spread(rounds, key, digits) for key, (_, digits) in HEADS.items())] for who, rounds in measured.items()])


def catchup(bench, report):
    catch_up(bench, report, bench.options.loads, bench.options.modes)


def hot(bench, report):
    catch_up(bench, report, ["hot"], ["durable"])


# ------------------------------------------------------------------------------------------ latency

def latency(bench, report):
    seconds = max(4, round(15 * bench.options.scale))
    settings = [name for name in ("serial", "conservative 4", "optimistic 4") if name in bench.options.natives]
    bench.mode("durable")
    measured = common.turns({who: lambda who=who: bench.latency(who, LATENCY_RATE, seconds) for who in [*settings, "product"]},
                            bench.options.rounds, "p99", "ms at p99")
    report.data["latency"] = measured
    keys = {"p50": ("p50, ms", 2), "p90": ("p90", 2), "p99": ("p99", 2), "max": ("longest", 1), "sourceCpu": ("CPU s: source", 2),
            "endCpu": ("target", 2), "toolCpu": ("product", 2), "bytes": ("binlog bytes a transaction", 0)}
    report.text(f"## From acknowledged to visible at {LATENCY_RATE} transactions/s ({WRITE}, durable, {seconds} s a turn)")
    report.table(["who", *(head for head, _ in keys.values())],
                 [[who, *(common.spread(rounds, key, digits) for key, (_, digits) in keys.items())] for who, rounds in measured.items()])
    if settings:
        best = min(settings, key=lambda who: common.median(measured[who], "p99"))
        report.target("end-to-end latency at 500 transactions/s, p99", f"times native replication's ({best})", "<=", 1.5,
                      common.ratio(measured["product"], measured[best], "p99"),
                      f"p50 {common.ratio(measured['product'], measured[best], 'p50'):.2f} times")
    bench.compare()


# ------------------------------------------------------------------------------------------ the mark

def mark(bench, report):
    bench.mode("durable")
    setting = "optimistic 4" if "optimistic 4" in bench.options.natives else bench.options.natives[0]
    pairs = [bench.pair(WRITE, setting, number % 2) for number in range(bench.options.rounds)]
    size = max(1, round(common.statistics.median(ours["batch"] for _, ours in pairs)))
    more = common.statistics.median(ours["bytes"] / theirs["bytes"] for theirs, ours in pairs)
    marker.make(bench.target, bench.rows)
    transactions = max(1000, int(12000 * bench.options.scale))
    costs = {batch: marker.costs(bench.target, transactions, batch, 2 * bench.options.rounds) for batch in sorted({size, 1})}
    report.data["marker"] = {"pairs": pairs, "batch": size, "costs": costs}
    report.text("## The mark in each transaction of the target")
    report.text(f"Binlog bytes at the target a source transaction, same backlog: native {common.median([one for one, _ in pairs], 'bytes'):.0f},"
                f" product {common.median([one for _, one in pairs], 'bytes'):.0f} ({size} source transactions a commit).")
    report.text("The same transactions in stored procedures at the target, in batches, with the mark's statement as the first of each and without:")
    report.table(["source transactions a batch", "with, trx/s", "without, trx/s", "cost by rate", "cost by the server's CPU"],
                 [[batch, common.spread(one["marked"], "rate"), common.spread(one["plain"], "rate"), f"{one['byRate']:.1%}", f"{one['byCpu']:.1%}"]
                  for batch, one in costs.items()])
    found = costs[size]
    report.target("two-way marker, apply rate", "of the rate", "<=", 0.05, found["byRate"],
                  f"the mark's statement in stored procedures, {size} transactions a commit; by the server's CPU {found['byCpu']:.1%}")
    report.target("two-way marker, binlog bytes", "times native replication's", "<=", 1.2, more)
    bench.compare()


# ------------------------------------------------------------------------------------------ far away

def far_away(bench, report):
    """Its target is a new one that the product copies to first; the others stand still."""
    what = f"row at {DELAY_MS} ms added round trip to the target"
    if not far.possible():
        report.target(what, "rows/s", ">=", 10000, None, "a network namespace needs root, the link /dev/net/tun")
        return
    with far.link(DELAY_MS) as namespace, ends.far_target(bench, namespace) as away:
        there, here = away.end.round_trip_ms()
        rounds = []
        for number in range(bench.options.rounds):
            rounds.append(bench.one(WRITE, away))
            common.say(f"  far, round {number + 1}: {rounds[-1]['rate'] * 4:.0f} rows/s")
        bench.compare(away.end)
    report.data["far"] = {"roundTripMs": there, "withoutMs": here, "rounds": rounds}
    show(report, f"The target behind a link of {there:.1f} ms ({here:.2f} ms without it): a backlog of"
                 f" {bench.transactions(WRITE):,} transactions of 4 rows, durable", {"product": rounds})
    report.target(what, "rows/s", ">=", 10000, common.median(rounds, "rate") * loads.LOADS[WRITE][0],
                  f"a target in a network namespace, each packet held back by two tun devices; {there:.1f} ms as measured")


CASES = {"catchup": catchup, "hot": hot, "latency": latency, "marker": mark, "far": far_away}


def configure(parser):
    def names(known):
        def parse(text):
            unknown = [name for name in text.split(",") if name not in known]
            if unknown:
                raise ValueError(unknown)
            return text.split(",")
        return parse
    parser.add_argument("--loads", type=names(CATCH_UP), default=CATCH_UP, help="of catchup")
    parser.add_argument("--modes", type=names(ends.MODES), default=list(ends.MODES), help="of catchup")
    parser.add_argument("--natives", type=names(native.SETTINGS), help="native settings to look at (all; fewer at small scales)")
    parser.add_argument("--profile", metavar="DIR", help="perf data of each turn (bench/flame.py); the newest of a name stays")


def main():
    options = common.arguments(__doc__, CASES, configure)
    if options.pair != ["mariadb", "mariadb"]:
        sys.exit("native replication is MariaDB's here: no other --pair")
    options.natives = options.natives or (list(native.SETTINGS) if options.scale >= 0.2 else ["optimistic 4"])
    report = common.Report("incr", "Incremental synchronisation", options)
    with common.workspace() as directory, common.causewayd(os.path.join(directory, "daemon")) as daemon:
        bench = ends.Bench(options, directory, daemon)
        for name in options.only:
            CASES[name](bench, report)
        report.target("worker memory, incremental", "MiB", "<=", 256, bench.peak)
    report.finish()


if __name__ == "__main__":
    main()
