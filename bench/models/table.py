#!/usr/bin/env python3
"""Writes the tables of README.md from the manifest."""

import json
from pathlib import Path

from publish import MANIFEST

README = Path(__file__).with_name("README.md")
START, END = "<!-- tables: table.py -->\n", "<!-- end of tables -->\n"


def quality(entry):
    if "accuracy" in entry:
        return f"{entry['accuracy']:.1%} of {entry['test_rows']}"
    return f"R² {entry['r2']:.2f}" if "r2" in entry else "–"


def size(entry):
    if "trees" in entry:
        return f"{entry['trees']} trees, {entry['tree_nodes']:,} nodes"
    return f"{entry['parameters']:,}"


def main():
    groups = {}
    for key, entry in json.loads(MANIFEST.read_text()).items():
        folder, name = key.split("/")
        groups.setdefault(folder, []).append((name, entry))
    lines = []
    for folder, entries in groups.items():
        lines += [
            f"### {folder}",
            "",
            "| model | data | layers | constants or trees | input | outputs | on test rows | bytes | script |",
            "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
        ]
        for name, e in entries:
            shape = "×".join(map(str, e["input"]))
            lines.append(
                f"| {name}{'' if e['committed'] else ' (out/)'} | {e['data']} | {e['layers']} | {size(e)} | {shape} | "
                f"{e['outputs']} | {quality(e)} | {e['bytes']:,} | `{e['script']}` |"
            )
        lines.append("")
    text = README.read_text()
    before, rest = text.split(START)
    README.write_text(before + START + "\n" + "\n".join(lines) + END + rest.split(END)[1])


if __name__ == "__main__":
    main()
