#!/usr/bin/env python3
"""Judges the history that the example history-accuracy wrote with Apache Otava, by its defaults (windows of 50 values,
p <= 0.001), and scores it alike. Run it in a virtual environment: pip install apache-otava==0.8.0; judge-with-otava.py FILE [SERIES]
takes the first SERIES series."""

import sys
import time

from otava.analysis import compute_change_points

NEAR = 5

lines = open(sys.argv[1]).read().splitlines()[: int(sys.argv[2]) if len(sys.argv) > 2 else None]
findings = real = series_with_alarm = unchanged = 0
steps = {1: [0, 0], 2: [0, 0], 5: [0, 0]}
begun = time.monotonic()
for line in lines:
    truth, noise, values = line.split(";")
    values = [float(value) for value in values.split()]
    points = compute_change_points(values, window_len=50, max_pvalue=0.001, min_magnitude=0.0)[0]
    findings += len(points)
    kind, *numbers = truth.split()
    if kind == "step":
        at, by = int(numbers[0]), float(numbers[1])
        rises = lambda point: (point.stats.mean_2 > point.stats.mean_1) == (by > 0)
        found = any(abs(point.index - at) <= NEAR and rises(point) for point in points)
        real += found
        steps[abs(int(by))][0] += found
        steps[abs(int(by))][1] += 1
    if kind == "ramp":
        # Otava has no creep: change points within a ramp are right too.
        real += sum(int(numbers[0]) - NEAR <= point.index <= int(numbers[1]) + NEAR for point in points)
    if kind == "none":
        unchanged += 1
        series_with_alarm += bool(points)
print(f"{len(lines)} series: {time.monotonic() - begun:.1f} s")
print(f"findings {findings}, real {real}: precision {100 * real / max(findings, 1):.1f} %")
for size, (found, every) in steps.items():
    print(f"steps of {size} x the noise floor: {found} of {every} found")
print(f"unchanged series with a finding: {series_with_alarm} of {unchanged}")
