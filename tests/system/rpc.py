"""POST / as the SDK sends it, signed by hand: for what the SDK itself never sends."""

import base64
import hashlib
import hmac
import http.client
import json
import time
import urllib.parse
import uuid
from collections import namedtuple

from harness.daemon import PATIENCE, description

Answer = namedtuple("Answer", "status headers body")
FORM = "application/x-www-form-urlencoded"


def encode(text):
    """As the signer does: only what RFC 3986 leaves unreserved stays."""
    return urllib.parse.quote(str(text), safe="-_.~")


def form(parameters):
    return "&".join(f"{encode(name)}={encode(value)}" for name, value in parameters.items())


def now(offset=0):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + offset))


def signed(daemon, action, body="", *, key=None, headers=None, query=None, only=None, offset=0):
    """(path, headers) of an ACS3-HMAC-SHA256 request; `only`: the names to sign instead of all that must be."""
    key = key or daemon.credentials
    sent = {"host": "%s:%d" % daemon.address, "x-acs-version": "2019-09-01", "x-acs-action": action,
            "x-acs-date": now(offset), "x-acs-signature-nonce": uuid.uuid4().hex, "content-type": FORM,
            "x-acs-content-sha256": hashlib.sha256(body.encode()).hexdigest(), **(headers or {})}
    sent = {name: value for name, value in sent.items() if value is not None}
    names = only or sorted(name for name in sent if name.startswith("x-acs-") or name in ("host", "content-type"))
    query = query or {}
    canonical = "\n".join(["POST", "/", "&".join(f"{name}={encode(value)}" for name, value in sorted(query.items())),
                           "".join(f"{name}:{str(sent[name]).strip()}\n" for name in names), ";".join(names),
                           sent["x-acs-content-sha256"]])
    text = "ACS3-HMAC-SHA256\n" + hashlib.sha256(canonical.encode()).hexdigest()
    mac = hmac.new(key["accessKeySecret"].encode(), text.encode(), hashlib.sha256).hexdigest()
    sent["Authorization"] = (f"ACS3-HMAC-SHA256 Credential={key['accessKeyId']},SignedHeaders={';'.join(names)},"
                             f"Signature={mac}")
    return "/" + ("?" + form(query) if query else ""), sent


def older(daemon, action, parameters, *, key=None, in_query=(), **more):
    """(path, headers) of an HMAC-SHA1 request; `in_query`: names of parameters that go into the URL."""
    key = key or daemon.credentials
    query = {"Action": action, "Format": "json", "Version": "2019-09-01", "Timestamp": now(),
             "SignatureNonce": uuid.uuid4().hex, "SignatureMethod": "HMAC-SHA1", "SignatureVersion": "1.0",
             "AccessKeyId": key["accessKeyId"], **{name: parameters[name] for name in in_query}, **more}
    text = "&".join(f"{encode(name)}={encode(value)}" for name, value in sorted({**parameters, **query}.items()))
    mac = hmac.new((key["accessKeySecret"] + "&").encode(), f"POST&%2F&{encode(text)}".encode(), hashlib.sha1).digest()
    return "/?" + form({**query, "Signature": base64.b64encode(mac).decode()}), {"content-type": FORM}


def send(daemon, path, headers, body="", chunks=None):
    """One request; the body with its length, or in chunks of the given size."""
    connection = http.client.HTTPConnection(*daemon.address, timeout=30 * PATIENCE)
    data = body.encode()
    try:
        connection.putrequest("POST", path, skip_host="host" in headers, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.putheader(*(("Transfer-Encoding", "chunked") if chunks else ("Content-Length", str(len(data)))))
        connection.endheaders()
        for at in range(0, len(data), chunks or len(data) or 1):
            piece = data[at:at + (chunks or len(data))]
            connection.send(b"%x\r\n%s\r\n" % (len(piece), piece) if chunks else piece)
        if chunks:
            connection.send(b"0\r\n\r\n")
        answer = connection.getresponse()
        raw = answer.read()
        found = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, found, json.loads(raw) if found["content-type"] == "application/json" else raw)
    finally:
        connection.close()


def call(daemon, action, parameters=None, *, chunks=None, **options):
    """A signed call; parameters are {name: text}."""
    body = form(parameters or {})
    path, headers = signed(daemon, action, body, **options)
    answer = send(daemon, path, headers, body, chunks)
    if isinstance(answer.body, dict):
        description().check_rpc(action, answer.status, answer.body)
    return answer
