#!/usr/bin/python3
"""A flame graph as text: where the processors' time went, callers above what they call.

    bench/flame.py PERF_DATA COMM [--limit PERCENT] [--depth N] [--skip NAME,...]

PERF_DATA is what `--profile DIR` of bench/copy/run.py and bench/incr/run.py leaves. COMM is a process or thread by its name
(causeway-worker, mariadbd). Percent are of all samples of COMM. Lines below PERCENT (2) are left out; behind "self" stands what a
function spent itself. Then the functions that spent most themselves.
"""

import argparse
import collections
import subprocess
import sys


class Node:
    def __init__(self):
        self.total, self.own, self.below = 0, 0, collections.defaultdict(lambda: Node())


def stacks(path, comm):
    """Call stacks, outermost first, one a sample."""
    command = ["perf", "script", "-i", path, "--comms", comm, "-F", "comm,ip,sym,dso"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, errors="replace") as perf:
        stack = []
        for line in perf.stdout:
            if line.strip() and line[0].isspace():
                stack.append(name_of(line.split(None, 1)[1].strip()))
            elif not line.strip() and stack:
                yield list(reversed(stack))
                stack = []
        if stack:
            yield list(reversed(stack))


def name_of(text):
    """'function' or '[library]' where it has no name; the kernel is one."""
    symbol, _, library = text.rpartition(" (")
    library = library.rstrip(")").rsplit("/", 1)[-1]
    if "kernel" in library:
        return "[kernel]"
    return f"[{library}]" if symbol in ("", "[unknown]") else symbol.split("(")[0]


def folded(stack, skip):
    """Without what is skipped, and with repetitions as one."""
    found = []
    for name in stack:
        if name not in skip and (not found or found[-1] != name):
            found.append(name)
    return found


def show(node, total, options, depth=0):
    for name, child in sorted(node.below.items(), key=lambda item: -item[1].total):
        if child.total * 100 < options.limit * total or depth >= options.depth:
            continue
        own = f"  self {child.own * 100 / total:.1f}" if child.own * 100 >= options.limit * total else ""
        print(f"{child.total * 100 / total:5.1f}  {'  ' * depth}{name}{own}")
        show(child, total, options, depth + 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("comm")
    parser.add_argument("--limit", type=float, default=2.0)
    parser.add_argument("--depth", type=int, default=14)
    parser.add_argument("--skip", default="[libc.so.6],clone3,clone,start_thread")
    options = parser.parse_args()
    root, own, total = Node(), collections.Counter(), 0
    for stack in stacks(options.data, options.comm):
        total += 1
        own[stack[-1]] += 1
        node = root
        for name in folded(stack, set(options.skip.split(","))):
            node = node.below[name]
            node.total += 1
        node.own += 1
    if not total:
        sys.exit(f"no samples of {options.comm} in {options.data}")
    print(f"{total} samples of {options.comm}")
    show(root, total, options)
    print("\nmost by themselves:")
    for name, count in own.most_common(15):
        print(f"{count * 100 / total:5.1f}  {name}")


if __name__ == "__main__":
    main()
