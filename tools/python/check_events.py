#!/usr/bin/env python3
"""Compares what TensorBoard's own reader finds in the events of a run with the records of the run.

    python tools/python/check_events.py runs/mine

Needs the package `tensorboard`. Exits with 0 if every recorded number is there at its step, and says so; with 1 if one is not; with 77 if the package
is missing.
"""

import json
import math
import struct
import sys
from pathlib import Path


def records(run: Path) -> dict[str, dict[int, float]]:
    """Values by name and step, of those that are finite; the last one where a step has several."""
    values: dict[str, dict[int, float]] = {}
    for line in (run / "metrics.jsonl").read_text().splitlines():
        record = json.loads(line)
        step = record.pop("step")
        for name, value in record.items():
            if value is not None:
                values.setdefault(name, {})[step] = value
    return values


def single(value: float) -> float:
    """The value as TensorBoard keeps it: in single precision."""
    return struct.unpack("f", struct.pack("f", value))[0]


def main() -> int:
    try:
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    except ImportError:
        print("skipped: the package `tensorboard` is not installed")
        return 77
    run = Path(sys.argv[1])
    everything = {"scalars": 0, "images": 0, "tensors": 0}
    events = EventAccumulator(str(run / "tensorboard"), size_guidance=everything).Reload()
    tags = events.Tags()
    tensors = set(tags.get("tensors", []))
    wrong, count = [], 0
    for name, expected in records(run).items():
        found = read(events, name, tensors)
        for step, value in expected.items():
            count += 1
            if step not in found or not math.isclose(found[step], single(value), rel_tol=1e-6):
                wrong.append(f"{name} at step {step}: {found.get(step)} instead of {value}")
    pictures = sum(len(events.Images(tag)) for tag in tags.get("images", []))
    print("\n".join(wrong[:10]) or f"{count} numbers and {pictures} pictures of {run} are as recorded")
    return 1 if wrong or count == 0 else 0


def read(events, name: str, tensors: set[str]) -> dict[int, float]:
    """Values by step under one name, whichever of its two kinds of summaries TensorBoard took them for."""
    if name in tensors:
        from tensorboard.util import tensor_util

        return {event.step: float(tensor_util.make_ndarray(event.tensor_proto)) for event in events.Tensors(name)}
    try:
        return {event.step: event.value for event in events.Scalars(name)}
    except KeyError:
        return {}


if __name__ == "__main__":
    sys.exit(main())
