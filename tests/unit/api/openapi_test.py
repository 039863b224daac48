"""The table of actions and openapi.yaml say the same, both ways. Usage: openapi_test.py CAUSEWAYD OPENAPI [ACTION].

With an ACTION it prints instead, as YAML, what the table says of its request: what openapi.yaml has to say of it, to which
it adds descriptions and patterns.

Of each action: least role, whether it writes, whether it is supported; of its request each field's name, type, whether it is
required, bounds, default, known words, words that are refused as not supported. Of the whole: the error codes.
"""

import json
import os
import subprocess
import sys

import yaml

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "openapi"))
from description import Description  # noqa: E402

NO_MINIMUM = -2 ** 63
# of JSON Schema, OpenAPI 3.1 and ours: a comma in an unquoted text makes a keyword of what stands behind it
KEYWORDS = {
    "$ref", "type", "enum", "const", "default", "title", "description", "examples", "format", "pattern", "minLength", "maxLength",
    "minimum", "maximum", "minItems", "maxItems", "minProperties", "uniqueItems", "items", "properties", "required",
    "additionalProperties", "unevaluatedProperties", "propertyNames", "allOf", "anyOf", "oneOf", "not", "contentEncoding",
    "writeOnly", "readOnly", "deprecated", "x-also", "x-not-supported"}
COMPARED = ("type", "minLength", "maxLength", "minimum", "maximum", "minItems", "maxItems", "default", "const", "x-also",
            "x-not-supported")


def expected(field):
    """The schema of one field of the table, without what only people can say."""
    kind, low, high = field["type"], field["min"], field["max"]
    schema = {"type": "array" if kind in ("strings", "objects") else kind}
    bounds = {"string": ("minLength", "maxLength"), "integer": ("minimum", "maximum")}.get(kind, ("minItems", "maxItems"))
    if kind not in ("boolean", "object"):
        if low > 0 or kind == "integer" and low > NO_MINIMUM:
            schema[bounds[0]] = low
        if high > 0:
            schema[bounds[1]] = high
    if "default" in field:
        schema["default"] = field["default"]
    if field["onlyFalse"]:
        schema["const"] = False
    if field["secret"]:
        schema["writeOnly"] = True
    if "alias" in field:
        schema["x-also"] = field["alias"]
    if "later" in field:
        schema["x-not-supported"] = field["later"]
    if kind == "strings":
        schema["items"] = {"type": "string"}
    if field.get("values"):
        (schema["items"] if kind == "strings" else schema)["enum"] = field["values"]
    if kind == "object":
        schema = {**table_schema(field["fields"]), **schema}
    if kind == "objects":
        schema["items"] = table_schema(field["fields"])
    return schema


def table_schema(fields):
    schema = {"type": "object"}
    required = [field["name"] for field in fields if field["required"]]
    if required:
        schema["required"] = required
    schema["properties"] = {field["name"]: expected(field) for field in fields}
    return schema


class Comparison:
    def __init__(self, program, path):
        described = json.loads(subprocess.run([program, "--describe-actions"], check=True, capture_output=True, text=True).stdout)
        self.table = {action["name"]: action for action in described["actions"]}
        self.codes = {error["code"] for error in described["errors"]}
        self.spec = Description(path)
        self.problems = []

    def say(self, text):
        self.problems.append(text)

    def resolved(self, schema):
        """A schema with what its $ref leads to; what stands beside the $ref wins."""
        return {**self.spec.resolve(schema), **{key: value for key, value in schema.items() if key != "$ref"}}

    # -- requests

    def compare_field(self, where, field, schema):
        schema = self.resolved(schema)
        want = expected(field)
        for key in COMPARED:
            if want.get(key) != schema.get(key) or isinstance(want.get(key), bool) != isinstance(schema.get(key), bool):
                self.say(f"{where}: {key} is {schema.get(key)!r} in openapi.yaml, {want.get(key)!r} in the table")
        if field["secret"] and not schema.get("writeOnly"):
            self.say(f"{where} is a secret: writeOnly is missing")
        inner = self.resolved(schema.get("items", {})) if want["type"] == "array" else schema
        if field["type"] == "strings" and inner.get("type") != "string":
            self.say(f"{where}: the items' type is not string")
        words, extra = set(field.get("values", ())), set(field.get("synonyms", ()))
        sent = set(inner.get("enum", ()))
        if not words <= sent or not (sent <= words | extra or "checked" in field and "values" not in field):
            self.say(f"{where}: enum is {sorted(sent)} in openapi.yaml, {sorted(words)} (or {sorted(extra)}) in the table")
        if "fields" in field:
            self.compare_object(where, field["fields"], inner)

    def compare_object(self, where, fields, schema):
        schema = self.resolved(schema)
        properties = dict(schema.get("properties", {}))
        if schema.get("type") != "object":
            self.say(f"{where}: its type is not object")
        required = {field["name"] for field in fields if field["required"]}
        if set(schema.get("required", ())) != required:
            self.say(f"{where}: required is {sorted(schema.get('required', ()))} in openapi.yaml, {sorted(required)} in the table")
        for field in fields:
            name = f"{where}.{field['name']}"
            if field["name"] not in properties:
                self.say(f"{name} is not in openapi.yaml")
            else:
                self.compare_field(name, field, properties.pop(field["name"]))
        for name in properties:
            self.say(f"{where}.{name} is not in the table")

    # -- actions

    def compare_action(self, name, row, operation):
        if operation["operationId"] != name:
            self.say(f"{name} has the operationId {operation['operationId']}")
        if f"Least role {row['role']}." not in operation["description"]:
            self.say(f"{name} does not say \"Least role {row['role']}.\" in its description")
        if operation.get("x-writes", False) != row["writes"]:
            self.say(f"{name}: x-writes is {operation.get('x-writes', False)}, {row['writes']} in the table")
        if operation.get("x-also") != row.get("alias"):
            self.say(f"{name}: x-also is {operation.get('x-also')}, {row.get('alias')} in the table")
        missing = {"200", "401", "413", "503"} - set(operation["responses"])
        if missing:
            self.say(f"{name} lacks the answers {sorted(missing)}")
        wrong = set(operation.get("x-errors", ())) - self.codes
        if wrong:
            self.say(f"{name} lists errors that are not in the table: {sorted(wrong)}")
        schema = self.spec.request_schema(name)
        if schema is not None:
            schema = schema.get("anyOf", [schema])[0]       # the table's own form first; the handler reads others itself
            self.compare_object(name, row["fields"], schema)
        elif row["fields"]:
            self.say(f"{name} has no request in openapi.yaml")
        self.check_examples(name, operation)

    def check_examples(self, name, operation):
        body = self.spec.resolve(operation.get("requestBody", {}))
        content = body.get("content", {}).get("application/json", {})
        examples = [content["example"]] if "example" in content else [
            self.spec.resolve(example)["value"] for example in content.get("examples", {}).values()]
        if body and not examples:
            self.say(f"{name} has no example of a request")
        for example in examples:
            try:
                self.spec.check_request(name, example)
            except AssertionError as problem:
                self.say(f"the example of {problem}")

    def check_keywords(self, where, schema):
        if isinstance(schema, bool):
            return
        for key in sorted(set(schema) - KEYWORDS):
            self.say(f"{where}: {key!r} is no keyword: is a text with a comma without its quotes?")
        for key in ("allOf", "anyOf", "oneOf"):
            for inner in schema.get(key, ()):
                self.check_keywords(where, inner)
        for key in ("items", "additionalProperties"):
            if key in schema:
                self.check_keywords(where, schema[key])
        for name, inner in schema.get("properties", {}).items():
            self.check_keywords(f"{where}.{name}", inner)

    def is_there(self, reference):
        try:
            self.spec.resolve({"$ref": reference})
            return True
        except (KeyError, TypeError):
            return False

    def compare(self):
        for name, schema in self.spec.document["components"]["schemas"].items():
            self.check_keywords(name, schema)
        supported = {name for name, row in self.table.items() if row["supported"]}
        described = {name for name, operation in self.spec.actions.items() if not operation.get("x-not-supported")}
        for name in sorted(supported - described):
            self.say(f"{name} is in the table, not in openapi.yaml (or not as supported)")
        for name in sorted(described - supported):
            self.say(f"{name} is in openapi.yaml, not supported by the table")
        for name in sorted((set(self.spec.actions) - described) & supported):
            self.say(f"{name} is supported by the table, x-not-supported in openapi.yaml")
        for name in sorted(set(self.spec.actions) - set(self.table)):
            self.say(f"{name} is in openapi.yaml, not in the table")
        lost = [reference for reference in references(self.spec.document) if not self.is_there(reference)]
        if lost:
            self.problems += [f"{reference} leads nowhere" for reference in sorted(set(lost))]
            return 0
        for name in sorted(supported & described):
            self.compare_action(name, self.table[name], self.spec.actions[name])
        known = set(self.spec.document["components"]["schemas"]["ErrorCode"]["enum"])
        for code in sorted(self.codes ^ known):
            self.say(f"error code {code} is not in both, table (base/err.h) and ErrorCode")
        for code in sorted(self.spec.common_errors - self.codes):
            self.say(f"x-errors: {code} is not in the table")
        return len(supported & described)


def references(node):
    """Every $ref below a node."""
    for key, value in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        if key == "$ref":
            yield value
        else:
            yield from references(value)


def flow(value):
    """YAML on one line."""
    text = yaml.safe_dump(value, sort_keys=False, default_flow_style=True, width=10000).removesuffix("\n").removesuffix("\n...")
    return text.replace("{", "{ ").replace("}", " }") if isinstance(value, dict) else text


def main():
    comparison = Comparison(*sys.argv[1:3])
    if len(sys.argv) > 3:
        schema = table_schema(comparison.table[sys.argv[3]]["fields"])
        print(f"    {sys.argv[3]}:")
        for key, value in schema.items():
            if key != "properties":
                print(f"      {key}: {flow(value)}")
                continue
            print("      properties:")
            for name, inner in value.items():
                print(f"        {name}: {flow(inner)}")
        return 0
    count = comparison.compare()
    print("\n".join(comparison.problems) or f"{count} actions agree")
    return 1 if comparison.problems else 0


if __name__ == "__main__":
    sys.exit(main())
