#!/usr/bin/env python3
"""A preprocessor of mdBook. Some chapters are symbolic links to files elsewhere in the repository, whose relative links
start from there. This resolves them: a link to a file that is a chapter becomes a link to the chapter, any other file of
the repository is named by its path. A link to a file or heading that does not exist ends the build.

    python3 docs/links.py check     only check the links of all Markdown files in the repository"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
FENCED = r"^(```|~~~).*?^\1[^\n]*$"
# Code is not searched for links.
CODE = re.compile(FENCED + r"|`[^`\n]*`", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^()\s]+)\)")
errors = []


def anchors(path):
    """The anchors of the headings of a Markdown file, as GitHub and mdBook make them."""
    text = re.sub(FENCED, "", path.read_text(), flags=re.MULTILINE | re.DOTALL)
    found = set()
    for heading in re.findall(r"^#+ +(.*?) *#*$", text, re.MULTILINE):
        heading = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        found.add(re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-"))
    return found


def target(source, link):
    """The file that a link of `source` leads to, or `None` if it is not of the repository; and its anchor."""
    if re.match(r"[a-z]+:", link):
        return None, ""
    path, _, anchor = link.partition("#")
    file = (source.parent / path).resolve() if path else source
    if not file.exists():
        errors.append(f"{source.relative_to(ROOT)}: {link}: there is no such file")
    elif anchor and file.suffix == ".md" and anchor not in anchors(file):
        errors.append(f"{source.relative_to(ROOT)}: {link}: there is no such heading")
    return file, anchor


def outside_code(text, change):
    """The text with `change` applied to its links outside code."""
    parts, end = [], 0
    for code in CODE.finditer(text):
        parts += [LINK.sub(change, text[end : code.start()]), code.group()]
        end = code.end()
    return "".join(parts) + LINK.sub(change, text[end:])


def chapters(items):
    for item in items:
        if isinstance(item, dict) and "Chapter" in item:
            yield item["Chapter"]
            yield from chapters(item["Chapter"]["sub_items"])


def preprocess(book):
    every = list(chapters(book.get("items") or book.get("sections")))
    places = {(DOCS / chapter["source_path"]).resolve(): chapter["path"] for chapter in every if chapter["source_path"]}
    for chapter in every:
        here = Path(chapter["path"]).parent
        source = (DOCS / chapter["source_path"]).resolve()

        def change(link):
            mark, text, file_link = link.groups()
            file, anchor = target(source, file_link)
            if file is None:
                return link.group()
            place = places.get(file) or (file.relative_to(DOCS) if file.is_relative_to(DOCS) and file.suffix != ".md" else None)
            if place is None:
                name = str(file.relative_to(ROOT))
                return text if name in text else f"{text} (`{name}`)"
            return f"{mark}[{text}]({os.path.relpath(place, here)}{'#' * bool(anchor)}{anchor})"

        chapter["content"] = outside_code(linked_code(chapter["content"]), change).replace("\0", "`")
    return book


def linked_code(text):
    """Marks the backticks within the text of a link, so that `[`name`](file)` counts as a link."""
    return re.sub(r"\[`([^`\n\]]*)`\](?=\()", "[\0\\1\0]", text)


def check():
    listed = subprocess.check_output(["git", "ls-files", "-z", "*.md"], cwd=ROOT, text=True)
    for name in filter(None, listed.split("\0")):
        source = ROOT / name
        if not source.is_symlink():
            outside_code(linked_code(source.read_text()), lambda link: target(source, link.group(3)) and link.group())


def main():
    if sys.argv[1:2] == ["supports"]:
        return
    if sys.argv[1:2] == ["check"]:
        check()
    else:
        _context, book = json.load(sys.stdin)
        json.dump(preprocess(book), sys.stdout)
    for error in errors:
        print(error, file=sys.stderr)
    sys.exit(1 if errors else 0)


main()
