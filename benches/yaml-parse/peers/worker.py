"""A worker of the family yaml-parse: worker.py PARSER PACKAGES. See docs/protocol.md."""

import socket
import sys
import time

sys.path.append(sys.argv[2])
parent = socket.socket(fileno=3).makefile("rw")
job = dict(line.partition(" ")[::2] for line in iter(lambda: parent.readline().strip(), "go"))
since = time.perf_counter_ns(), time.process_time_ns()


def reached(stage):
    global since
    wall, cpu = time.perf_counter_ns() - since[0], time.process_time_ns() - since[1]
    parent.write(f"reached {stage} wall_ns={wall} cpu_ns={cpu}\n")
    parent.flush()
    parent.readline()
    since = time.perf_counter_ns(), time.process_time_ns()


def pyyaml(text):
    import yaml
    return yaml.load(text, Loader=yaml.SafeLoader)


def pyyaml_c(text):
    import yaml
    return yaml.load(text, Loader=yaml.CSafeLoader)


def ruamel(text):
    from ruamel.yaml import YAML
    return YAML(typ="rt").load(text)


def rapidyaml(text):
    import ryml
    # The tree refers to the bytes, so they are part of the document.
    data = bytes(text, "utf-8")
    return ryml.parse_in_arena(data), data


def scalars(node):
    if isinstance(node, dict):
        return sum(scalars(key) + scalars(value) for key, value in node.items())
    if isinstance(node, list):
        return sum(map(scalars, node))
    return 1


def ryml_scalars(tree):
    count = 0
    for node in range(tree.size()):
        count += tree.has_key(node) + tree.has_val(node)
    return count


load = {"pyyaml": pyyaml, "pyyaml-c": pyyaml_c, "ruamel": ruamel, "rapidyaml": rapidyaml}[sys.argv[1]]
# Load the libraries before the reference stage, because they are not part of the document.
load("a: 1")
reached("ready")
with open(job["input"], encoding="utf-8") as file:
    text = file.read()
reached("loaded")
document = load(text)
del text
reached("parsed")
count = ryml_scalars(document[0]) if sys.argv[1] == "rapidyaml" else scalars(document)
parent.write(f"figure scalars {count}\n")
reached("walked")
del document
reached("dropped")
parent.write("end\n")
parent.flush()
