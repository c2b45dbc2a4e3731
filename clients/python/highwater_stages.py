"""Stages of a Highwater worker, for programs in Python: one file without dependencies.

    from highwater_stages import Worker

    with Worker() as worker:
        worker.stage("start")
        data = load()
        worker.stage("loaded")
        units = []
        for n in worker.ladder("live", default=[1, 10]):
            while len(units) < n:
                units.append(make(data))

At each stage the program waits until Highwater has read its memory. Outside a Highwater run, stages do nothing and a
ladder has its default scales, so the calls can stay in the program. The protocol is docs/protocol.md of Highwater.
"""

import os
import socket

__all__ = ["Worker"]

_FD = 3


class Worker:
    """The connection to Highwater, and the job that it sent.

    ``case`` is the id of the case, ``scales`` the ladder, ``inputs`` the paths of prepared files, and ``options`` the other
    lines of the job by name, such as ``inject``. Outside a run, ``case`` is ``None``.
    """

    def __init__(self):
        self.case = None
        self.scales = []
        self.inputs = []
        self.options = {}
        self._parent = None
        # The variable is in the environment of every worker, and descriptor 3 may be anything elsewhere.
        if "HIGHWATER_PADDING" not in os.environ:
            return
        self._parent = socket.socket(fileno=_FD).makefile("rw", encoding="utf-8", newline="\n")
        for line in iter(self._parent.readline, ""):
            name, _, value = line.rstrip("\n").partition(" ")
            if name == "go":
                break
            if name == "case":
                self.case = value
            elif name == "ladder":
                self.scales = [int(scale) for scale in value.split()]
            elif name == "input":
                self.inputs.append(value)
            else:
                self.options[name] = value

    def _send(self, *words):
        if self._parent is not None:
            line = " ".join(str(word) for word in words)
            if "\n" in line or "\0" in line:
                raise ValueError(f"a line break or NUL byte in {line!r}")
            self._parent.write(line + "\n")

    def stage(self, name):
        """Waits at a stage until the memory of this program has been read."""
        self._send("reached", name)
        if self._parent is not None:
            self._parent.flush()
            if self._parent.readline() != "go\n":
                raise SystemExit("highwater: the harness closed the connection")

    def ladder(self, name, default=()):
        """Yields each scale; when the body has made that many units, it reaches the stage ``name@scale``."""
        for scale in self.scales if self._parent is not None else default:
            yield scale
            self.stage(f"{name}@{scale}")

    def figure(self, name, value):
        """Stores a non-negative integer with the next stage."""
        self._send("figure", name, value)

    def note(self, name, text):
        """Stores a text with the case."""
        self._send("note", name, text)

    def skip(self, reason):
        """Ends the program: the case cannot run here."""
        self._send("skip", reason)
        if self._parent is not None:
            self._parent.flush()
        raise SystemExit(0)

    def end(self):
        """Says that all stages are done; the program then exits with status 0."""
        self._send("end")
        if self._parent is not None:
            self._parent.flush()
            self._parent = None

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        # After an exception the program exits with another status, which is the outcome of the worker.
        if kind is None:
            self.end()
