"""What does sharing stages save? Replayed on recorded timings."""
from __future__ import annotations

import argparse
import math
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="command", required=True)
    record = commands.add_parser("record")
    record.add_argument("task", choices=("fashion", "digits"))
    record.add_argument("--data", type=Path)
    record.add_argument("--store", type=Path)
    record.add_argument("--processes", type=int, default=1)
    record.add_argument("--minutes", type=float, default=math.inf)
    record.add_argument("--json", type=Path)
    args = parser.parse_args()
    from benchmarks.recording import record as run

    with tempfile.TemporaryDirectory() as scratch:
        found = run(args.task, args.data, args.store or Path(scratch), args.processes, args.minutes)
    found.write(args.json)
    print(found.about)
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main())
