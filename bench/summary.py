#!/usr/bin/python3
"""The table of targets of the areas that ran, with what was measured beside them.

    bench/summary.py RESULTS AREA...

Reads RESULTS/AREA.json and AREA.md, prints the table, and writes RESULTS/summary.md (the table and all areas) and summary.json.
"""

import json
import os
import sys

sys.path.insert(0, os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")))
from bench import common                # noqa: E402 - the path has to be set first

MEMORY_MIB = 256


def worker_memory(measured):
    """The highest peak of a worker anywhere in what an area measured, or None: a figure "workerPeakMiB", or "peakMiB" of a product's turn."""
    if isinstance(measured, list):
        found = [worker_memory(value) for value in measured]
    elif isinstance(measured, dict):
        found = [worker_memory(value) for value in measured.values()]
        found += [measured.get("workerPeakMiB"), measured.get("peakMiB") if measured.get("who") == "product" else None]
    else:
        return None
    return max((value for value in found if value is not None), default=None)


def memory_target(documents):
    peaks = {area: worker_memory(document["measured"]) for area, document in documents.items()}
    peaks = {area: peak for area, peak in peaks.items() if peak is not None}
    highest = max(peaks.values(), default=None)
    return {"area": "all", "what": "worker memory", "beside": "MiB", "comparison": "<=", "limit": MEMORY_MIB, "value": highest,
            "met": None if highest is None else highest <= MEMORY_MIB,
            "note": ", ".join(f"{area} {peak:.0f}" for area, peak in peaks.items())}


def read(results, area, ending):
    with open(os.path.join(results, f"{area}.{ending}"), encoding="utf-8") as file:
        return file.read()


def main():
    results, areas = sys.argv[1], sys.argv[2:]
    documents = {area: json.loads(read(results, area, "json")) for area in areas}
    targets = [target for document in documents.values() for target in document["targets"]] + [memory_target(documents)]
    lines = ["| " + " | ".join(row) + " |" for row in (common.TARGET_HEADS, ["---"] * len(common.TARGET_HEADS), *common.target_rows(targets))]
    lines.append("| kill tests | pass | – | not measured | `./test.sh kill test_converge` runs them, with fault points compiled in |")
    table = "\n".join(lines)
    bodies = [read(results, area, "md").split("## Targets")[0].replace("\n# ", "\n## ") for area in areas]
    with open(os.path.join(results, "summary.md"), "w", encoding="utf-8") as file:
        file.write("# Measured beside the targets\n\n" + table + "\n\n" + "\n".join("#" + body for body in bodies))
    with open(os.path.join(results, "summary.json"), "w", encoding="utf-8") as file:
        json.dump({"targets": targets, "areas": documents}, file, indent=1, ensure_ascii=False)
        file.write("\n")
    print(table)


if __name__ == "__main__":
    main()
