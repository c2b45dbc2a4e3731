"""Extracts CPython 3.12.1 and the C libraries for WASI from componentize-py's wheel: frames.py WHEEL FOLDER.

They are embedded in the wheel's native library as zstd frames and identified by their order, which is fixed because
the recipe pins the wheel by its hash.
"""

import sys
import zipfile
from pathlib import Path

import zstandard

MAGIC = b"\x28\xb5\x2f\xfd"
# Accidental matches of the magic number and frames of a few bytes are ignored.
SMALLEST = 500
FRAMES = {
    0: "stdlib.tar",
    3: "libpython3.12.so",
    4: "libc.so",
    5: "libwasi-emulated-mman.so",
    6: "libwasi-emulated-process-clocks.so",
    7: "libwasi-emulated-getpid.so",
    8: "libwasi-emulated-signal.so",
    9: "libc++.so",
    10: "libc++abi.so",
    11: "adapter.wasm",
}


def frames(data):
    """The content of every zstd frame in the data."""
    at = data.find(MAGIC)
    while at >= 0:
        decompressor = zstandard.ZstdDecompressor().decompressobj()
        used = len(MAGIC)
        try:
            content = decompressor.decompress(memoryview(data)[at:])
            if decompressor.eof and len(content) > SMALLEST:
                yield content
                used = len(data) - at - len(decompressor.unused_data)
        except zstandard.ZstdError:
            pass
        at = data.find(MAGIC, at + used)


def main(wheel, folder):
    with zipfile.ZipFile(wheel) as archive:
        library = next(name for name in archive.namelist() if name.endswith(".abi3.so"))
        data = archive.read(library)
    found = set()
    for number, content in enumerate(frames(data)):
        if number in FRAMES:
            (Path(folder) / FRAMES[number]).write_bytes(content)
            found.add(number)
    missing = sorted(FRAMES[number] for number in FRAMES.keys() - found)
    if missing:
        sys.exit(f"{library} has no {', '.join(missing)}")


main(*sys.argv[1:])
