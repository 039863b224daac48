"""Curves of a migration's metrics, /metrics, alerts and webhooks, against what was done to real servers."""

import signal
import time

import prometheus
from common import INCR, prepare, start_forward, tree, wait_failed, wait_monitoring
from harness.daemon import ApiError
from harness.runner import needs, tags, timeout
from webhook_receiver import Receiver, base64_text

FULL, PULL = "FULL_TRANSFER", "TRANSFER_INCR_LOG_PULL"
TYPES = {FULL: ["RPS", "IOPS", "SOURCE_READ_TIME", "SOURCE_SLICE_TIME", "SINK_EXECUTE_TIME", "THROTTLED"],
         INCR: ["RPS", "IOPS", "DELAY", "SINK_EXECUTE_TIME", "SINK_COMMIT_TIME", "SOURCE_READ_LAG", "APPLY_LAG", "THROTTLED",
                "QUEUE"],
         PULL: ["IOPS", "SOURCE_READ_LAG"]}
SECRET = b"a secret of thirty-two bytes ..."


def curve(daemon, project, step, metric, span=3600, **more):
    """[(timestamp, value)] of the last hour."""
    now = int(time.time())
    answer = daemon.call("DescribeProjectStepMetric", {
        "projectId": project, "stepName": step, "metricType": metric, "aggregator": "AVG", "beginTimestamp": now - span,
        "endTimestamp": now, **more})
    assert [one["tags"] for one in answer["metrics"]] == [None], answer
    return [(point["timestamp"], point["value"]) for point in answer["metrics"][0]["dataPoints"]]


def total(daemon, project, step, since=0):
    """What a curve of rows a second says of rows: a point stands for a second."""
    return sum(value for at, value in curve(daemon, project, step, "RPS") if at >= since)


def scrape(daemon):
    answer = daemon.http("GET", "/metrics", auth=None)
    assert answer.status == 200 and answer.headers["Content-Type"].startswith("text/plain; version=0.0.4"), answer.headers
    return prometheus.parse(answer.body.decode())


def info(daemon, project, step=INCR):
    return daemon.steps(project)[step]["stepInfo"]


def alerts(daemon, project, **more):
    return daemon.call("ListAlerts", {"projectId": project, "pageSize": 150, **more})


def bad_requests(daemon, project):
    now = int(time.time())
    good = {"projectId": project, "stepName": INCR, "metricType": "RPS", "aggregator": "NONE", "beginTimestamp": now - 3600,
            "endTimestamp": now, "maxPointNum": 5}
    assert len(daemon.call("DescribeProjectStepMetric", good)["metrics"][0]["dataPoints"]) <= 5
    daemon.call("DescribeProjectStepMetric", {**good, "maxPointNum": 72460, "aggregator": None})
    for change, parts in (
            ({"metricType": "SOURCE_READ_TIME"}, ("metricType", "SINK_COMMIT_TIME", "DELAY")),
            ({"metricType": "rows"}, ("metricType",)),
            ({"stepName": "FULL_VERIFIER", "metricType": "FULL_VERIFY_DEST_RPS"}, ("stepName", "has no step")),
            ({"stepName": "STRUCT_TRANSFER"}, ("stepName",)),
            ({"beginTimestamp": now - 3599}, ("beginTimestamp", "3600")),
            ({"beginTimestamp": now + 9}, ("beginTimestamp",)),
            ({"endTimestamp": now + 600}, ("endTimestamp", "now")),
            ({"endTimestamp": now * 1000}, ("endTimestamp", "milliseconds")),
            ({"maxPointNum": 4}, ("maxPointNum", "5")),
            ({"maxPointNum": 72461}, ("maxPointNum", "72460")),
            ({"aggregator": "MAX"}, ("aggregator",)),
            ({"endTimestamp": None}, ("endTimestamp",))):
        try:
            daemon.call("DescribeProjectStepMetric", {**good, **change})
        except ApiError as error:
            assert error.code == "PARAM_ERROR", error
            for part in parts:
                assert part in str(error.answer), (change, part, error.answer)
        else:
            raise AssertionError(f"allowed: {change}")


@tags("quick")
@needs("mariadb")
@timeout(200)
def test_curves(env):
    source, target = env.source("mariadb"), env.target("mariadb")
    prepare(source, target, rows=500)
    source.sql(["CREATE TABLE app.m (id INT AUTO_INCREMENT PRIMARY KEY, v INT)",
                "INSERT INTO app.m (v) SELECT seq FROM app.seq_1_to_6000"])
    rows = sum(source.value(f"SELECT COUNT(*) FROM app.{table}") for table in source.tables("app"))
    daemon, project = start_forward(env, source, target, tree(["app"]), full_config={"throttleRps": 2500})
    daemon.wait_for(lambda: prometheus.value(scrape(daemon), "causeway_throttled", project=project, step=FULL) == 1, 60,
                    "/metrics shows that the copy is held back")
    wait_monitoring(daemon, project)
    daemon.wait_for(lambda: rows * 0.7 < total(daemon, project, FULL), 20, "the curve has the rows of the copy")
    assert total(daemon, project, FULL) < rows * 1.3, (rows, curve(daemon, project, FULL, "RPS"))
    for metric in TYPES[FULL]:
        assert curve(daemon, project, FULL, metric), metric
    assert max(value for _, value in curve(daemon, project, FULL, "THROTTLED")) == 1

    # rows of incremental, counted apart
    since = int(time.time()) + 1
    daemon.wait_for(lambda: time.time() > since, 5, "a second of its own")
    before = total(daemon, project, INCR, since)
    source.sql([f"INSERT INTO app.m (v) SELECT seq FROM app.seq_1_to_{n}" for n in (400, 700, 900)])
    daemon.wait_for(lambda: total(daemon, project, INCR, since) - before >= 2000 * 0.8, 30, "the curve has the rows applied")
    assert total(daemon, project, INCR, since) - before <= 2000 * 1.25
    for step, metrics in TYPES.items():
        for metric in metrics:
            points = curve(daemon, project, step, metric)
            assert points, (step, metric)
            assert len({at for at, _ in points}) == len(points) and points == sorted(points)
    assert 0 < max(value for _, value in curve(daemon, project, INCR, "SINK_COMMIT_TIME")) < 20000
    assert max(value for _, value in curve(daemon, project, PULL, "IOPS")) > 2000, "bytes of 2,000 rows in the log"
    bad_requests(daemon, project)

    # the target held by a lock: the delay is the applying side's, and goes when the lock goes
    holder = target.connect()
    with holder.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("UPDATE app.m SET v = -1")
        source.sql("UPDATE app.m SET v = v + 1 WHERE id < 100")
        daemon.wait_for(lambda: info(daemon, project).get("applyLagMs", 0) > 4000, 30, "the apply lag grows")
        step = info(daemon, project)
        assert step["lagMs"] > 4000 and step["sourceReadLagMs"] < 3000, step
        gauges = scrape(daemon)
        assert prometheus.value(gauges, "causeway_apply_lag_seconds", project=project, step=INCR) > 3
        assert prometheus.value(gauges, "causeway_source_read_lag_seconds", project=project, step=INCR) < 3
        cursor.execute("ROLLBACK")
    holder.close()
    daemon.wait_for(lambda: info(daemon, project)["lagMs"] < 3000, 30, "the delay falls")
    daemon.wait_for(lambda: max(value for _, value in curve(daemon, project, INCR, "APPLY_LAG")) > 3.5, 20, "it is in the curve")

    # held back by a limit
    daemon.call("UpdateProjectConfig", {"id": project, "incrTransferConfig": {"throttleRps": 50}})
    source.sql([f"INSERT INTO app.m (v) VALUES ({n})" for n in range(300)])
    daemon.wait_for(lambda: info(daemon, project)["throttled"], 30, "stepInfo shows that the limit acts")
    daemon.wait_for(lambda: prometheus.value(scrape(daemon), "causeway_throttled", project=project, step=INCR) == 1, 30,
                    "/metrics shows that the limit acts")
    daemon.call("UpdateProjectConfig", {"id": project, "incrTransferConfig": {"throttleRps": None}})
    gauges = scrape(daemon)
    assert prometheus.value(gauges, "causeway_worker_up", project=project, step=PULL) == 1
    assert prometheus.value(gauges, "causeway_projects", status="RUNNING") == 1
    assert prometheus.value(gauges, "causeway_relay_bytes", project=project) > 0

    # a restart of the daemon keeps the curves; deleting the project removes them
    told = total(daemon, project, FULL)
    daemon.restart()
    assert total(daemon, project, FULL) == told
    daemon.call("StopProject", {"id": project})
    daemon.wait_for(lambda: not daemon.workers(project), 30, "the workers have stopped")
    daemon.call("ReleaseProject", {"id": project})
    daemon.wait_project(project, "RELEASED")
    assert total(daemon, project, FULL) == told
    daemon.call("DeleteProject", {"id": project})
    try:
        curve(daemon, project, FULL, "RPS")
    except ApiError as error:
        assert error.code == "GHANA-PROJECT000001", error
    else:
        raise AssertionError("a deleted project has curves")


@needs("mariadb")
@timeout(240)
def test_alerts(env):
    source, target = env.source("mariadb"), env.target("mariadb")
    prepare(source, target, rows=100)
    receiver = Receiver(SECRET, fail=2)
    env.cleanup(receiver.close)
    daemon = env.daemon(["--alert-grace-seconds", "0", "--alert-resend-seconds", "0", "--alert-free-bytes", "0"])
    made = daemon.call("CreateAlertWebhook", {"url": receiver.url, "secret": base64_text(SECRET)})
    assert made["secret"] is None, "what was given is not told"
    other = daemon.call("CreateAlertWebhook", {"url": "https://127.0.0.1:1/none", "level": "ERROR", "rules": ["CANARY"]})
    assert other["secret"].startswith("whsec_") and len(other["secret"]) > 40
    assert other["secret"] not in str(daemon.call("ListAlertWebhooks"))
    for url in ("ftp://127.0.0.1/", "http:///x", "http://u:p@127.0.0.1/", "http://a b/", "file:///etc/passwd"):
        try:
            daemon.call("CreateAlertWebhook", {"url": url})
        except ApiError as error:
            assert error.code == "PARAM_ERROR", error
        else:
            raise AssertionError(f"allowed: {url}")

    # two failures, then it comes through; once
    test = daemon.call("TestAlertWebhook", {"id": made["id"]})
    daemon.wait_for(lambda: receiver.taken, 30, "the test got through at the third try")
    assert [one["deliveryId"] for one in receiver.seen] == [test["deliveryId"]] * 3, receiver.seen
    hook = daemon.wait_for(lambda: [one for one in daemon.call("ListAlertWebhooks")
                                    if one["id"] == made["id"] and one["lastResult"] == "200" and one["queued"] == 0],
                           10, "the webhook shows how it went")[0]
    assert hook["lastSuccessAt"]

    daemon, project = start_forward(env, source, target, tree(["app"]), daemon, name="shop", importance="HIGH")
    wait_monitoring(daemon, project)
    assert daemon.project(project)["alarmStats"]["alarming"] is False
    assert not daemon.call("ListProjects", {"status": ["RUNNING_ALARMING"]})

    # a lag above the level's 30 s, of a worker that hangs
    daemon.kill_workers(project, INCR, signal.SIGSTOP)
    firing = daemon.wait_for(lambda: alerts(daemon, project, firing=True), 60, "the lag alarms")
    assert [(one["rule"], one["stepName"], one["threshold"]) for one in firing] == [("LAG", INCR, 30)], firing
    stats = daemon.project(project)["alarmStats"]
    assert stats["alarming"] and stats["recentlyTriggerCount"] == 1 and stats["ruleToRecentlyTriggerCount"] == {"LAG": 1}, stats
    assert stats["openMonitor"] and "behind the source" in stats["alarmContent"], stats
    assert [one["id"] for one in daemon.call("ListProjects", {"status": ["RUNNING_ALARMING"]})] == [project]
    assert prometheus.value(scrape(daemon), "causeway_alerts_firing", project=project, rule="LAG", name="shop") == 1
    daemon.kill_workers(project, INCR, signal.SIGCONT)
    daemon.wait_for(lambda: not alerts(daemon, project, firing=True), 30, "the lag is over")
    assert not daemon.call("ListProjects", {"status": ["RUNNING_ALARMING"]})
    daemon.wait_for(lambda: ("RESOLVED", "LAG") in receiver.events(), 30, "the webhook knows")

    # a worker that is killed again and again
    for _ in range(3):
        killed = daemon.wait_for(lambda: daemon.kill_workers(project, PULL), 30, "the log pull runs")
        daemon.wait_for(lambda: set(daemon.worker_pids(project, PULL)) - set(killed), 30, "it is back")
    daemon.wait_for(lambda: ("FIRING", "WORKER_FLAPPING") in receiver.events(), 30, "the webhook knows")
    assert prometheus.value(scrape(daemon), "causeway_worker_restarts", project=project, step=PULL) == 3

    # the receiver is away while the project fails, and the daemon restarts in between: nothing is lost
    port = receiver.port
    receiver.close()
    key = target.value("SELECT MAX(id) FROM app.t_auto")
    target.sql(f"DELETE FROM app.t_auto WHERE id = {key}")
    source.sql(f"DELETE FROM app.t_auto WHERE id = {key}")
    wait_failed(daemon, project, INCR)
    daemon.wait_for(lambda: [one for one in alerts(daemon, project, firing=True) if one["rule"] == "PROJECT_FAILED"], 30,
                    "the failure alarms")
    daemon.restart()
    assert not [one for one in receiver.events() if one[1] == "PROJECT_FAILED"]
    back = Receiver(SECRET, port=port)
    env.cleanup(back.close)
    daemon.wait_for(lambda: ("FIRING", "PROJECT_FAILED") in back.events(), 60, "the webhook knows after the restart")
    failed = [one for one in alerts(daemon, project) if one["rule"] == "PROJECT_FAILED"]
    assert len(failed) == 1 and failed[0]["state"] == "FIRING", failed

    # each once, signed, in order
    assert not receiver.faults and not back.faults, (receiver.faults, back.faults)
    got = receiver.taken + back.taken
    assert len({one["deliveryId"] for one in got}) == len(got), got
    events = [(one["event"], one.get("rule")) for one in got]
    wanted = [("TEST", None), ("FIRING", "LAG"), ("RESOLVED", "LAG"), ("FIRING", "WORKER_FLAPPING"),
              ("FIRING", "PROJECT_FAILED")]
    assert [one for one in events if one != ("RESOLVED", "WORKER_FLAPPING")] == wanted, events
    assert all(one["projectId"] == project and one["projectName"] == "shop" for one in got[1:]), got

    # the history has each of them, and can be asked for by word and level
    history = daemon.call("ListProjectEvents", {"projectId": project, "event": "alert_firing", "pageSize": 150})
    assert sorted(row["message"].split(" ")[0] for row in history) == ["LAG", "PROJECT_FAILED", "WORKER_FLAPPING"], history
    assert [row["level"] for row in daemon.call("ListProjectEvents", {"projectId": project, "event": "alert_firing",
                                                                      "level": ["WARN"]})] == ["WARN"]
    for hook in daemon.call("ListAlertWebhooks"):
        daemon.call("DeleteAlertWebhook", {"id": hook["id"]})
    assert daemon.call("ListAlertWebhooks") == []
