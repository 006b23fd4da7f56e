"""Checks the documents as files: links lead somewhere, the README is short and shows how to start, and every option,
metric and alert is documented.

documents.py ROOT PROGRAMS: the checkout, and the folder of the built programs. Prints `ok ...` or `FAILED ...`.
"""

import os
import re
import subprocess
import sys

from harness.checks import check, finish

ROOT, PROGRAMS = map(os.path.abspath, sys.argv[1:])
LONGEST_README = 150
# The lines that a reader sees before scrolling.
FIRST_SCREEN = 30


def read(path):
    with open(f"{ROOT}/{path}", encoding="utf-8") as file:
        return file.read()


def without_code(text):
    """The text without code blocks, which contain no links or headings."""
    text = re.sub(r"^( *)```.*?^\1```$", "", text, flags=re.M | re.S)
    return re.sub(r"^ {4}.*$", "", text, flags=re.M)


def anchors(path):
    """The anchors that GitHub gives the headings of a file."""
    found = []
    for title in re.findall(r"^#{1,6} +(.*?) *#*$", without_code(read(path)), re.M):
        title = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title)
        slug = re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
        count = sum(1 for each in found if each == slug or re.fullmatch(re.escape(slug) + r"-\d+", each))
        found.append(slug if slug not in found else f"{slug}-{count}")
    return found


def links(path):
    """The targets of a file's links and images that are not web addresses."""
    text = re.sub(r"`[^`\n]*`", lambda code: code.group().replace("](", "]"), without_code(read(path)))
    targets = re.findall(r"\]\(([^)\s]+)\)", text)
    return [target for target in targets if not re.match(r"[a-z]+:", target)]


def broken(path, tracked):
    wrong = []
    for target in links(path):
        name, _, anchor = target.partition("#")
        file = os.path.normpath(os.path.join(os.path.dirname(path), name)) if name else path
        if file not in tracked and not any(each.startswith(file + "/") for each in tracked):
            wrong.append(f"{target}: {file} does not exist")
        elif anchor and (not file.endswith(".md") or anchor not in anchors(file)):
            wrong.append(f"{target}: {file} has no heading of that name")
    return wrong


def missing_scripts(path, tracked):
    """Scripts that a document names and that do not exist."""
    named = re.findall(r"(?<![\w/.-])((?:Build|Tests|examples|socat)/[\w./-]+\.(?:sh|py|c))\b", read(path))
    return [f"{name} does not exist" for name in sorted({*named}) if name not in tracked]


def options(*command):
    """The long options in a program's help."""
    line = [f"{PROGRAMS}/{command[0]}", *command[1:], "--help"]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    return {*re.findall(r"(?<![\w-])--[a-z][a-z-]+", done.stdout)}


def documented():
    """Options, metrics and alerts, with the documents that must contain them."""
    metrics = re.findall(r'^ *"?(?:out\.family\()?"?(pisw_\w+)"', read("Sources/Server/Counters.swift"), re.M)
    alerts = re.findall(r"- alert: (\w+)", read("chart/templates/monitoring.yaml"))
    # Options of every program.
    common = {"--help", "--version", "--generate-completion-script"}
    return [
        ("options of pisw-serve", options("pisw-serve") - common, "docs/serve.md"),
        ("options of pisw-mutate", options("pisw-mutate") - common,
         "docs/hosts.md docs/configuration.md docs/limits.md"),
        ("options of pisw preview", options("pisw", "preview") - common, "docs/preview.md docs/configuration.md"),
        ("metrics", {*metrics}, "docs/serve.md"),
        ("alerts", {*alerts}, "docs/operations.md"),
    ]


def undocumented(names, where):
    text = "".join(map(read, where.split()))
    if not names:
        return ["there are none"]
    return sorted(name for name in names if not re.search(rf"(?<![\w-]){name}(?![\w-])", text))


def without(lines, words):
    """The words that are not in the lines."""
    return [word for word in words if word not in "\n".join(lines)]


def unlinked(path, documents):
    """Documents in docs/ to which a file has no link."""
    folder = os.path.dirname(path)
    linked = {os.path.normpath(os.path.join(folder, target.partition("#")[0])) for target in links(path)}
    return [each for each in documents if each.startswith("docs/") and each not in {*linked, "docs/README.md"}]


def main():
    listed = subprocess.run(["git", "-C", ROOT, "ls-files", "--cached", "--others", "--exclude-standard"],
                            capture_output=True, text=True, check=True)
    tracked = {path for path in listed.stdout.splitlines() if os.path.exists(f"{ROOT}/{path}")}
    documents = sorted(path for path in tracked if path.endswith(".md"))
    for path in documents:
        check(f"{path}: {len(links(path))} links lead somewhere", broken, path, tracked)
        check(f"{path}: the scripts that it names exist", missing_scripts, path, tracked)
    readme = read("README.md").splitlines()
    check(f"README.md has at most {LONGEST_README} lines",
          lambda: [] if len(readme) <= LONGEST_README else [f"it has {len(readme)}"])
    check("README.md shows an image before and after, and the install command, on its first screen",
          without, readme[:FIRST_SCREEN], ["image: nginx", "library/nginx:latest", "helm install"])
    check("README.md names the two commands for a clone", without, readme, ["examples/run.sh", "Tests/run.sh"])
    check("README.md links to every document", unlinked, "README.md", documents)
    check("docs/README.md lists every document", unlinked, "docs/README.md", documents)
    for what, names, where in documented():
        check(f"{len(names)} {what} are documented", undocumented, names, where)
    finish()


if __name__ == "__main__":
    main()
