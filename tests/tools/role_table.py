#!/usr/bin/python3
"""The table of roles in docs/accounts.md, made from the action table. Usage: role_table.py CAUSEWAYD [--write].

Without --write it only says, by its exit status, whether the table is as it has to be.
"""

import os
import re
import subprocess
import sys

PATH = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "accounts.md"))


def table_of(program):
    lines = subprocess.run([program, "--list-actions"], check=True, capture_output=True, text=True).stdout.splitlines()
    names = {}
    for name, role, _ in (line.split() for line in lines):
        names.setdefault(role, []).append(f"`{name}`")
    return {role: f"| {role} | {', '.join(sorted(found))} |" for role, found in names.items()}


def main():
    with open(PATH, encoding="utf-8") as file:
        text = wanted = file.read()
    for role, row in table_of(sys.argv[1]).items():
        wanted, count = re.subn(rf"^\| {role} \| .* \|$", lambda _, row=row: row, wanted, flags=re.M)
        if count != 1:
            sys.exit(f"{PATH} has {count} rows of the role {role}")
    if "--write" in sys.argv[2:]:
        with open(PATH, "w", encoding="utf-8") as file:
            file.write(wanted)
    elif wanted != text:
        sys.exit(f"{PATH} does not have the actions of each role: {sys.argv[0]} {sys.argv[1]} --write")


if __name__ == "__main__":
    main()
