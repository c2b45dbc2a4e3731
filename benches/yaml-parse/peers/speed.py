"""Compares the speed of the span tape and of rapidyaml on files: speed.py PACKAGES FILE...

PACKAGES is the folder of Python's packages, as for worker.py. Both parse each file in alternating rounds of one run: from
a text in memory to a document that can be queried. Dropping is not included. Of each, the best round counts, because
other programs only make a round slower. See the README of the family."""

import json
import pathlib
import subprocess
import sys
import time

ROUNDS = 40

sys.path.append(sys.argv[1])
import ryml  # noqa: E402

root = pathlib.Path(__file__).parent.parent.parent.parent
built = subprocess.run(
    ["cargo", "build", "--quiet", "--release", "-p", "span-tape", "--example", "speed", "--message-format=json"],
    cwd=root, check=True, stdout=subprocess.PIPE, text=True)
messages = map(json.loads, built.stdout.splitlines())
program = next(message["executable"] for message in messages if message.get("executable"))
tape = subprocess.Popen([program, "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def ask(way, path):
    tape.stdin.write(f"{way} {path}\n")
    tape.stdin.flush()
    return int(tape.stdout.readline())


def timed(run, *arguments, **options):
    started = time.perf_counter_ns()
    result = run(*arguments, **options)
    return time.perf_counter_ns() - started, result


reused = ryml.Tree()


def in_place(data):
    # The parser changes the text, so it needs a copy, which is not timed.
    return timed(ryml.parse_in_place, bytearray(data))[0]


def in_arena(data):
    return timed(ryml.parse_in_arena, data)[0]


def in_reused(data):
    reused.clear()
    reused.clear_arena()
    return timed(ryml.parse_in_place, bytearray(data), tree=reused)[0]


print("ms, the best of", ROUNDS, "rounds each. ratio: rapidyaml with a new tree, over the tape of a text in memory")
print("window: of a path through a window, over reading the whole file")
print(f"{'bytes':>9} {'text':>8} {'read':>8} {'window':>8} {'in place':>8} {'arena':>8} {'reused':>8} {'ratio':>6} {'window':>6}")
ratios = []
for path in sys.argv[2:]:
    data = pathlib.Path(path).read_bytes()
    best = [sys.maxsize] * 6
    for _ in range(ROUNDS):
        own = [ask(way, path) for way in ("text", "read", "window")]
        best = list(map(min, best, own + [in_place(data), in_arena(data), in_reused(data)]))
    text, read, window = best[:3]
    ratio = min(best[3:5]) / text
    ratios.append(ratio)
    times = " ".join(f"{time / 1e6:8.3f}" for time in best)
    print(f"{len(data):9} {times} {ratio:6.2f} {window / read:6.2f}  {pathlib.Path(path).name}", flush=True)
ahead = sum(ratio > 1 for ratio in ratios)
print(f"the tape is ahead of rapidyaml with a new tree on {ahead} of {len(ratios)} files")
tape.stdin.close()
sys.exit(tape.wait())
