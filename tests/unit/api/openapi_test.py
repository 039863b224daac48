"""The table of actions and openapi.yaml say the same, both ways. Usage: openapi_test.py CAUSEWAYD OPENAPI."""

import subprocess
import sys

import yaml

program, path = sys.argv[1:3]
with open(path, encoding="utf-8") as file:
    spec = yaml.safe_load(file)
lines = subprocess.run([program, "--list-actions"], check=True, capture_output=True, text=True).stdout.splitlines()
table = {name: (role, state) for name, role, state in (line.split() for line in lines)}
supported = {name for name, (_, state) in table.items() if state == "supported"}
prefix = "/api/v2?Action="
described = {key[len(prefix):]: value["post"] for key, value in spec["paths"].items() if key.startswith(prefix)}
problems = [f"{name} is in the table, not in openapi.yaml" for name in sorted(supported - set(described))]
problems += [f"{name} is in openapi.yaml, not supported by the table" for name in sorted(set(described) - supported)]


def references(node):
    """Every $ref below a node."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref":
                yield value
            else:
                yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


for name, operation in described.items():
    if operation["operationId"] != name:
        problems.append(f"{name} has the operationId {operation['operationId']}")
    if name in table and f"Least role {table[name][0]}." not in operation["description"]:
        problems.append(f"{name} does not say its least role {table[name][0]}")
    missing = {"200", "401", "413", "503"} - set(operation["responses"])
    if missing:
        problems.append(f"{name} lacks the answers {sorted(missing)}")
for reference in references(spec):
    node = spec
    for part in reference.removeprefix("#/").split("/"):
        node = node.get(part) if isinstance(node, dict) else None
    if node is None:
        problems.append(f"{reference} leads nowhere")
print("\n".join(problems) or f"{len(described)} actions agree")
sys.exit(1 if problems else 0)
