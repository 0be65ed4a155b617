"""What does it cost to notice which functions a run calls?

    python -m benchmarks.observing            a table
    python -m benchmarks.observing --json     the same, for programs

The same training of small networks, where Python's own share is largest, in processes that take turns: one whose
modules are loaded as `asrun run` loads them, one that loads them as Python does. What is told is the median over the
repeats of the seconds that training took, and their ratio.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]

TRAINING = """
import sys, time
folders = sys.argv[2:]
sys.path[:0] = folders
if sys.argv[1] == "observed":
    from asrun.inside.executed import Executed
    from asrun.inside.watch import Watch
    executed, watch = Executed(folders), Watch(folders)
import torch
import drop_rate
torch.set_num_threads(1)
settings = drop_rate.SCALES["quick"] | {"seeds": 1, "updates": int(UPDATES), "width": 32, "batch": 20}
drop_rate.run(**settings | {"updates": 8})
start = time.perf_counter()
drop_rate.run(**settings)
print(time.perf_counter() - start)
if sys.argv[1] == "observed":
    assert any(told["called"] for told in executed.told().values())
"""


def seconds(kind: str, updates: int) -> float:
    """Train in a process of its own, and return the seconds that it took."""
    code = TRAINING.replace("UPDATES", str(updates))
    folders = [str(ROOT / "snippets"), str(ROOT / "src")]
    done = subprocess.run(
        [sys.executable, "-c", code, kind, *folders], check=True, capture_output=True, text=True, cwd=ROOT
    )
    return float(done.stdout)


def measure(repeats: int, updates: int) -> dict:
    times: dict[str, list[float]] = {"plain": [], "observed": []}
    for _ in range(repeats):
        for kind, each in times.items():
            each.append(seconds(kind, updates))
    median = {kind: statistics.median(each) for kind, each in times.items()}
    return {
        "repeats": repeats,
        "updates": updates,
        "seconds": {kind: round(value, 4) for kind, value in median.items()},
        "range": {kind: [round(min(each), 4), round(max(each), 4)] for kind, each in times.items()},
        "observing_ratio": round(median["observed"] / median["plain"], 4),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--repeats", type=int, default=9, help="how often each kind is run (default: 9)")
    parser.add_argument("--updates", type=int, default=1500, help="how long each run trains (default: 1500)")
    arguments = parser.parse_args()
    told = measure(arguments.repeats, arguments.updates)
    if arguments.json:
        print(json.dumps(told, indent=2))
        return
    for kind, value in told["seconds"].items():
        low, high = told["range"][kind]
        print(f"{kind:<9}{value:>8.3f} s  ({low:.3f} to {high:.3f})")
    print(f"observing takes {told['observing_ratio'] - 1:+.1%}")


if __name__ == "__main__":
    main()
