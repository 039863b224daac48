"""An HTTP server that takes alerts as somebody's would: checks each signature as docs/metrics.md says, answers what it is told."""

import base64
import hashlib
import hmac
import http.server
import json
import threading


class Receiver:
    """fail: how many requests are answered with 500 first. What was answered with 200 is in `taken`, all in `seen`."""

    def __init__(self, secret, fail=0, port=0):
        self.secret, self.fail = secret, fail
        self.seen, self.taken, self.faults = [], [], []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):          # noqa: N802, the name is the library's
                outer.take(self)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()

    @property
    def port(self):
        return self.server.server_address[1]

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/causeway"

    def take(self, request):
        body = request.rfile.read(int(request.headers["Content-Length"]))
        if not verify(self.secret, request.headers, body):
            self.faults.append((dict(request.headers), body))
        document = json.loads(body)
        if document["deliveryId"] != request.headers["X-Causeway-Delivery"]:
            self.faults.append((dict(request.headers), body))
        self.seen.append(document)
        good = self.fail <= 0
        self.fail -= 1
        request.send_response(200 if good else 500)
        request.send_header("Content-Length", "0")
        request.end_headers()
        if good:
            self.taken.append(document)

    def events(self):
        return [(document["event"], document.get("rule")) for document in self.taken]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def verify(secret, headers, body):
    """docs/metrics.md, "Webhooks"."""
    signed = headers["X-Causeway-Timestamp"].encode() + b"." + body
    expected = "v1=" + hmac.new(secret, signed, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, headers["X-Causeway-Signature"])


def base64_text(secret):
    return base64.b64encode(secret).decode()
