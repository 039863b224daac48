"""openapi.yaml as the tests see it: requests and answers are held against it.

description = Description(path)
description.check(method, path, request_body, status, content_type, body)   raises Mismatch

A mismatch names the action and the path inside the answer or request. Answers are held against their schema strictly:
what the document doesn't name is a mismatch, too. A request is held against its schema when the daemon took it. It has to be
in the form that the document shows: that numbers come as text and names in any case is for tests that say so (loose).
"""

import copy
import json
import re
import urllib.parse

import yaml

try:
    import jsonschema
except ImportError:
    jsonschema = None           # then nothing is held against a schema; a build that requires all tests refuses that

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
PREFIX = "/api/v2?Action="
OF_ANY_PATH = (400, 404, 405, 408, 414, 431, 505)     # of HTTP itself


class Mismatch(AssertionError):
    """A request or an answer is not what openapi.yaml says."""


# What a signature or the name of an action may be answered with.
RPC_ERRORS = {"CAUSEWAY-ACTION000001", "CAUSEWAY-SIGNAT000001", "CAUSEWAY-SIGNAT000002", "CAUSEWAY-SIGNAT000003"}
# Maps: their keys are no names of fields (api/rpc.c has the same list).
MAPS = {"extraContext", "messageMcmsContext", "reasonMcmsContext", "proposalMcmsContext", "stepInfo", "errorParam", "tags",
        "ruleToRecentlyTriggerCount", "subDbs", "subConds", "subIds", "connExtraAttributes", "upstreamErrorDetail", "config"}


def camel(value):
    """An answer of the SDK's dialect with the names of the other."""
    if isinstance(value, list):
        return [camel(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    names = {key: key[:1].lower() + key[1:] for key in value}
    return {names[key]: inner if names[key] in MAPS else camel(inner) for key, inner in value.items()}


def load(path):
    with open(path, encoding="utf-8") as file:
        return yaml.load(file, LOADER)


def without_nulls(value):
    """null is absent in requests."""
    if isinstance(value, dict):
        return {key: without_nulls(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [without_nulls(inner) for inner in value]
    return value


class Description:
    def __init__(self, path):
        self.document = load(path)
        self.actions = {key[len(PREFIX):]: item["post"] for key, item in self.document["paths"].items()
                        if key.startswith(PREFIX)}
        self.common_errors = set(self.document["x-errors"])
        self._by_name = {name.lower(): name for name in self.actions}
        for name, operation in self.actions.items():
            if "x-also" in operation:
                self._by_name[operation["x-also"].lower()] = name
        self._components = {"components": {"schemas": self.document["components"]["schemas"]}}
        self._closed = {"components": {"schemas": self._close(self._components["components"]["schemas"])}}
        self._validators = {}

    # -- finding things

    def resolve(self, node):
        """The node itself, or what its $ref leads to."""
        while isinstance(node, dict) and "$ref" in node:
            target = self.document
            for part in node["$ref"].removeprefix("#/").split("/"):
                target = target[part.replace("~1", "/").replace("~0", "~")]
            node = target
        return node

    def action_of(self, path):
        """The action's name as the document spells it, or None."""
        url = urllib.parse.urlsplit(path)
        if url.path.rstrip("/") != "/api/v2":
            return None
        names = urllib.parse.parse_qs(url.query).get("Action", [""])
        return self._by_name.get(names[0].lower())

    def request_schema(self, action):
        body = self.resolve(self.actions[action].get("requestBody"))
        return body["content"]["application/json"]["schema"] if body else None

    def _operation(self, method, path):
        action = self.action_of(path)
        if action is not None:
            return action, self.actions[action] if method == "POST" else None
        item = self.document["paths"].get(urllib.parse.urlsplit(path).path, {})
        return f"{method} {path.split('?')[0]}", item.get("get" if method == "HEAD" else method.lower())

    # -- validators

    @staticmethod
    def _close(schemas):
        """A copy in which an object has only the properties that it names: for requests, where a test's typo would be ignored."""
        def close(node):
            if isinstance(node, list):
                for inner in node:
                    close(inner)
            if not isinstance(node, dict):
                return
            if isinstance(node.get("properties"), dict) and not {"additionalProperties", "allOf", "anyOf", "oneOf"} & set(node):
                node["additionalProperties"] = False
            if isinstance(node.get("enum"), list) and node.get("type") == "string":      # words are known in any case
                node["pattern"] = "^(?i:" + "|".join(map(re.escape, node.pop("enum"))) + ")$"
            for inner in node.values():
                close(inner)
        closed = copy.deepcopy(schemas)
        close(closed)
        return closed

    def _validator(self, schema, closed=False):
        key = (json.dumps(schema, sort_keys=True), closed)
        if key not in self._validators:
            root = self._closed if closed else self._components
            self._validators[key] = jsonschema.Draft202012Validator({**schema, **root})
        return self._validators[key]

    def _hold(self, schema, value, what, closed=False):
        if jsonschema is None:
            return
        error = jsonschema.exceptions.best_match(self._validator(schema, closed).iter_errors(value))
        if error is None:
            return
        path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.absolute_path) or "(all of it)"
        raise Mismatch(f"{what} is not as openapi.yaml says: at {path}: {error.message[:600]}")

    # -- checks

    def check_request(self, action, body):
        schema = self.request_schema(action)
        if schema is not None:
            self._hold(schema, without_nulls(body or {}), f"{action}: the request", closed=True)

    def check(self, method, path, request, status, content_type, body, loose=False):
        """One exchange. request and body are bytes (or None)."""
        what, operation = self._operation(method, path)
        kind = (content_type or "").split(";")[0].strip()
        if operation is None and status == 200 and method in ("GET", "HEAD"):
            return                      # a file of the console
        if operation is None or str(status) not in operation["responses"]:
            if operation is not None and status not in OF_ANY_PATH:
                raise Mismatch(f"{what}: openapi.yaml knows no answer {status}")
            self._hold({"$ref": "#/components/schemas/FailureEnvelope"}, self._json(what, kind, body, method), f"{what}: the answer")
            return
        content = self.resolve(operation["responses"][str(status)]).get("content", {})
        if kind not in content:
            raise Mismatch(f"{what}: openapi.yaml knows no {kind or 'answer without a type'} with {status}, only {sorted(content)}")
        if kind != "application/json" or method == "HEAD":
            return
        answer = self._json(what, kind, body, method)
        schemas = content[kind]["schema"]
        chosen = self._choose(schemas, answer)
        self._hold(chosen, answer, f"{what}: the answer")
        if what not in self.actions:
            return
        if answer["success"]:
            if not loose:
                self.check_request(what, json.loads(request) if request and request.strip() else {})
        elif answer["code"] not in self.common_errors | set(operation.get("x-errors", [])):
            raise Mismatch(f"{what}: openapi.yaml does not list the error {answer['code']} there: {answer['message']}")

    def check_rpc(self, action, status, answer):
        """An answer of POST /, as what it says in the other dialect."""
        what = f"{action} (POST /)"
        name = self._by_name.get(action.lower())
        if status != 200:
            self._hold({"$ref": "#/components/schemas/RpcError"}, answer, f"{what}: the answer")
            known = self.common_errors | RPC_ERRORS | set(self.actions[name].get("x-errors", []) if name else [])
            if answer["Code"] not in known and not answer["Code"].startswith("Throttling."):
                raise Mismatch(f"{what}: openapi.yaml does not list the error {answer['Code']} there: {answer['Message']}")
        elif name is not None:
            self._hold({"$ref": "#/components/schemas/RpcAnswer"}, answer, f"{what}: the answer")
            response = self.resolve(self.actions[name]["responses"]["200"])
            plain = camel(answer)
            self._hold(self._choose(response["content"]["application/json"]["schema"], plain), plain, f"{what}: the answer")

    def _choose(self, schema, answer):
        """The branch of oneOf that success chooses: its faults are told better than those of all branches."""
        if not isinstance(answer, dict) or "success" not in answer or "oneOf" not in schema:
            return schema
        failures = [branch for branch in schema["oneOf"] if branch.get("$ref", "").endswith("/FailureEnvelope")]
        others = [branch for branch in schema["oneOf"] if branch not in failures]
        wanted = others if answer["success"] is True else failures
        return wanted[0] if len(wanted) == 1 else {"oneOf": wanted} if wanted else schema

    @staticmethod
    def _json(what, kind, body, method):
        if kind != "application/json":
            raise Mismatch(f"{what}: the answer is {kind or 'of no type'}, not JSON: {body[:200]!r}")
        if method == "HEAD":
            return None
        try:
            return json.loads(body)
        except ValueError:
            raise Mismatch(f"{what}: the answer is not JSON: {body[:200]!r}") from None
