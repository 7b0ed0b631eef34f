#!/usr/bin/env python3
"""Counts what the long run of the fault suite wrote: `faults_table.py <target>/arachne-faults-<pid>.jsonl...` prints Markdown."""

import json
import sys
from collections import Counter, defaultdict

VERDICTS = ["right", "clean_error", "unclear_error", "wrong", "hung"]


def main(paths):
    cases = defaultdict(list)
    for path in paths:
        with open(path, encoding="utf-8") as lines:
            for line in lines:
                record = json.loads(line)
                cases[record["case"]].append(record)

    print("| faults | injected | queries | right | clean error | unclear error | wrong | hung | left behind |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|--:|")
    everything = [record for records in cases.values() for record in records]
    for case, records in [*cases.items(), ("**sum**", everything)]:
        injected = sum(sum(record["injected"].values()) for record in records)
        verdicts = Counter(record["verdict"] for record in records)
        left = sum(1 for record in records if record["left_over"])
        cells = [case, injected, len(records), *(verdicts[verdict] for verdict in VERDICTS), left]
        print("| " + " | ".join(str(cell) for cell in cells) + " |")

    print("\nEach class within `all`:\n")
    within = Counter()
    for record in cases.get("all", []):
        within.update(record["injected"])
    print(", ".join(f"{name} {count}" for name, count in sorted(within.items())))

    print("\nErrors:\n")
    said = Counter((record["case"], record["verdict"], record.get("detail", "")[:160]) for record in everything)
    for (case, verdict, detail), count in sorted(said.items()):
        if verdict != "right":
            print(f"- {case}, {count} x {verdict}: {detail}")


if __name__ == "__main__":
    main(sys.argv[1:])
