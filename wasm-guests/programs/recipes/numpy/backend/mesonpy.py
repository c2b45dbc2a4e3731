"""Replaces numpy's build backend while pip downloads its sources: provides the metadata and builds nothing."""

import os


def prepare_metadata_for_build_wheel(folder, settings=None):
    name = "numpy-1.26.4.dist-info"
    os.mkdir(os.path.join(folder, name))
    with open(os.path.join(folder, name, "METADATA"), "w") as metadata:
        metadata.write("Metadata-Version: 2.1\nName: numpy\nVersion: 1.26.4\n")
    return name
