"""A strict parser of the Prometheus text format 0.0.4 (prometheus.io, "Exposition formats"): whatever it does not know is an
error. promtool is not in Debian."""

import re

NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
VALUE = re.compile(r"[+-]?(\d+(\.\d*)?([eE][+-]?\d+)?|Inf)|NaN")
TYPES = ("counter", "gauge", "histogram", "summary", "untyped")


class FormatError(AssertionError):
    pass


def _labels(text, line):
    """'a="b",c="d"}' behind the brace: ({name: value}, what follows the closing brace)."""
    labels, at = {}, 0
    while True:
        if text[at:at + 1] == "}":
            return labels, text[at + 1:]
        name = LABEL.match(text, at)
        if not name or text[name.end():name.end() + 2] != '="':
            raise FormatError(f"label: {line!r}")
        at, value = name.end() + 2, ""
        while text[at:at + 1] != '"':
            piece = text[at:at + 1]
            if piece == "":
                raise FormatError(f"a label's value does not end: {line!r}")
            if piece == "\\":
                escaped = text[at + 1:at + 2]
                if escaped not in ("\\", '"', "n"):
                    raise FormatError(f"escape: {line!r}")
                piece, at = {"n": "\n"}.get(escaped, escaped), at + 1
            value, at = value + piece, at + 1
        if name.group() in labels:
            raise FormatError(f"label twice: {line!r}")
        labels[name.group()] = value
        at += 1
        if text[at:at + 1] == ",":
            at += 1
        elif text[at:at + 1] != "}":
            raise FormatError(f"between labels: {line!r}")


def parse(text):
    """{metric: {frozenset of (label, value): number}}. Each family has HELP and TYPE before it, stands in one piece, and no
    series is there twice."""
    if not text.endswith("\n"):
        raise FormatError("the last line does not end")
    families, types, current, helped = {}, {}, None, None
    for line in text[:-1].split("\n"):
        if line.startswith("# HELP "):
            helped, _, told = line[7:].partition(" ")
            if not NAME.fullmatch(helped) or not told or helped in types:
                raise FormatError(f"HELP: {line!r}")
        elif line.startswith("# TYPE "):
            name, _, kind = line[7:].partition(" ")
            if name != helped or kind not in TYPES or name in types:
                raise FormatError(f"TYPE: {line!r}")
            types[name], current = kind, name
            families[name] = {}
        else:
            match = NAME.match(line)
            if not match or match.group() != current:
                raise FormatError(f"a sample outside of its family {current}: {line!r}")
            rest, labels = line[match.end():], {}
            if rest.startswith("{"):
                labels, rest = _labels(rest[1:], line)
            if not rest.startswith(" ") or not VALUE.fullmatch(rest[1:]):
                raise FormatError(f"value: {line!r}")
            key = frozenset(labels.items())
            if key in families[current]:
                raise FormatError(f"twice: {line!r}")
            families[current][key] = float(rest[1:])
            if types[current] == "counter" and not families[current][key] >= 0:
                raise FormatError(f"a counter below 0: {line!r}")
    return families


def value(families, metric, **labels):
    """The one sample of a metric that has all of these labels; None: there is none."""
    found = [number for key, number in families.get(metric, {}).items() if set(labels.items()) <= key]
    assert len(found) <= 1, (metric, labels, found)
    return found[0] if found else None
