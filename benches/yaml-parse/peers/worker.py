"""A worker of the family yaml-parse: worker.py PARSER PACKAGES. See docs/protocol.md.

`worker.py PARSER PACKAGES keep FILE` keeps the parsed file in libfyaml's cache instead, for later workers."""

import os
import socket
import sys
import time

sys.path.append(sys.argv[2])
since = None
parent = None


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


def libfyaml(path):
    import libfyaml
    return libfyaml.load(path)


def libfyaml_kept(path):
    import libfyaml
    folder = path + ".libfyaml"
    os.makedirs(folder, exist_ok=True)
    libfyaml.set_cache_dir(folder)
    return libfyaml.load(path, enable_cache=True)


def libfyaml_string(text):
    import libfyaml
    return libfyaml.loads(text)


def libfyaml_untrimmed(text):
    import libfyaml
    return libfyaml.loads(text, trim=False)


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


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def warm(parser, load):
    """Loads the libraries before the baseline stage, because they are not part of the document."""
    if parser in by_path:
        import libfyaml
        libfyaml.loads("a: 1")
    else:
        load("a: 1")


def work(parser, load):
    global parent, since
    parent = socket.socket(fileno=3).makefile("rw")
    job = dict(line.partition(" ")[::2] for line in iter(lambda: parent.readline().strip(), "go"))
    since = time.perf_counter_ns(), time.process_time_ns()
    warm(parser, load)
    reached("ready")
    loaded = job["input"] if parser in by_path else read(job["input"])
    reached("loaded")
    document = load(loaded)
    del loaded
    reached("parsed")
    count = ryml_scalars(document[0]) if parser == "rapidyaml" else scalars(document)
    parent.write(f"figure scalars {count}\n")
    reached("walked")
    del document
    reached("dropped")
    parent.write("end\n")
    parent.flush()


by_path = {"libfyaml": libfyaml, "libfyaml-kept": libfyaml_kept}
by_text = {
    "pyyaml": pyyaml,
    "pyyaml-c": pyyaml_c,
    "ruamel": ruamel,
    "rapidyaml": rapidyaml,
    "libfyaml-string": libfyaml_string,
    "libfyaml-untrimmed": libfyaml_untrimmed,
}
load = (by_path | by_text)[sys.argv[1]]
if sys.argv[3:4] == ["keep"]:
    load(sys.argv[4])
else:
    work(sys.argv[1], load)
