"""Creates the headers and settings with which this machine's Python builds extension modules for WASI.

Usage: configure.py WORK. The headers are those of this machine's CPython 3.12. Its pyconfig.h and sysconfig get the
values that the WASI build of the same minor version was configured with, from _sysconfigdata below WORK/cpython/lib.
"""

import importlib.util
import pprint
import re
import shutil
import sys
import sysconfig
from pathlib import Path

# For names with these prefixes, zero is a value; for others it means "no".
NUMERIC = ("SIZEOF", "ALIGNOF", "HAVE_DECL")
MEASURED = ("SIZEOF_", "ALIGNOF_", "HAVE_")


def settings(path):
    """The variables of a _sysconfigdata file."""
    spec = importlib.util.spec_from_file_location("settings", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return dict(module.build_time_vars)


def pyconfig(text, wasi):
    """A pyconfig.h with the values of another build."""
    lines = []
    for line in text.split("\n"):
        found = re.match(r"\s*#\s*define\s+(\w+)(?:\s+(.*))?$", line) or re.match(r"/\* #undef (\w+) \*/", line)
        name = found and found.group(1)
        if name and name != "Py_PYCONFIG_H" and name in wasi:
            value = wasi[name]
            unset = value == "" or (value in (0, "0") and not name.startswith(NUMERIC))
            line = f"/* #undef {name} */" if unset else f"#define {name} {value}"
        lines.append(line)
    text = "\n".join(lines)
    # CPython includes its own pthread stubs, which the settings do not mention.
    text = text.replace("#define HAVE_PTHREAD_H 1", "/* #undef HAVE_PTHREAD_H */")
    return text.replace("/* #undef HAVE_PTHREAD_STUBS */", "#define HAVE_PTHREAD_STUBS 1")


def headers(include, wasi):
    """Copies this machine's headers and adapts them."""
    shutil.copytree(sysconfig.get_path("include"), include)
    # On Debian and Ubuntu, pyconfig.h only includes a file per architecture.
    native = Path(sysconfig.get_config_h_filename())
    (include / "pyconfig.h").write_text(pyconfig(native.read_text(), wasi))
    # C++ has no `restrict`.
    stubs = include / "cpython" / "pthread_stubs.h"
    stubs.write_text(re.sub(r"\brestrict\b", "__restrict", stubs.read_text()))


def build_settings(native, wasi, work, include):
    """The settings that distutils reads, for the cross build."""
    tools = {"CC": "wcc", "CXX": "wcxx", "AR": "war", "LDSHARED": "wcc -shared", "LDCXXSHARED": "wcxx -shared"}
    tools["BLDSHARED"] = tools["LDSHARED"]
    merged = native | {name: value for name, value in wasi.items() if name.startswith(MEASURED)}
    merged |= {name: f"{work}/build/bin/{command}" for name, command in tools.items()}
    merged |= dict.fromkeys(("LDFLAGS", "PY_LDFLAGS", "CONFIGURE_LDFLAGS", "CONFIGURE_CFLAGS", "LIBS", "SYSLIBS"), "")
    return merged | {
        "EXT_SUFFIX": ".cpython-312-wasm32-wasi.so",
        "SOABI": "cpython-312-wasm32-wasi",
        "MULTIARCH": "wasm32-wasi",
        "CFLAGS": "-O2 -DNDEBUG -fno-strict-overflow",
        "PY_CFLAGS": "-O2 -DNDEBUG",
        "OPT": "-O2 -DNDEBUG",
        "CCSHARED": "-fPIC",
        "INCLUDEPY": str(include),
        "CONFINCLUDEPY": str(include),
    }


def main(work):
    work = Path(work)
    wasi = settings(next((work / "cpython" / "lib").rglob("_sysconfigdata__wasi*.py")))
    include = work / "build" / "include"
    headers(include, wasi)
    folder = work / "build" / "sysconfig"
    folder.mkdir()
    merged = build_settings(dict(sysconfig.get_config_vars()), wasi, work, include)
    target = folder / "_sysconfigdata__wasi_wasm32-wasi.py"
    target.write_text(f"build_time_vars = {pprint.pformat(merged)}\n")


main(*sys.argv[1:])
