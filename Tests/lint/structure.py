"""Checks the structure of Sources against the rules below, and prints each violation.

  structure.py files       no file has more than 400 lines
  structure.py functions   no function has more than 50 lines
  structure.py imports     each module imports only what the table allows
  structure.py boundary    the C modules are imported only where the table allows

A file or a function may be longer if the file's first comment says why: `more than 400 lines, because ...`, or
`NAME has more than 50 lines, because ...`.

It relies on the format that `swift format lint` enforces: a function ends with the first `}` in the column of its
first word.
"""

import pathlib
import re
import sys

FILE_LINES = 400
FUNCTION_LINES = 50

# What each module may import of the modules in Sources, C modules aside. Arrows point down only: Server knows reviews as
# a closure, so it never imports Admission, Policy or Configuration.
IMPORTS = {
    "ImageReference": "",
    "JSON": "",
    "HTTP1": "",
    "System": "",
    "YAML": "",
    "Version": "",
    "Help": "",
    "Policy": "ImageReference JSON",
    "Admission": "JSON Policy",
    "Configuration": "JSON Policy System YAML",
    "TLS": "System",
    "Webhook": "HTTP1 JSON",
    "Server": "HTTP1 JSON System TLS Webhook",
    "OneShot": "Admission Configuration HTTP1 JSON Policy System Webhook",
    "ConfigurationLint": "Admission Configuration ImageReference JSON Policy",
    "Manifests": "Admission JSON Policy YAML",
    "pisw-mutate": "Configuration JSON OneShot System Version",
    "pisw-serve": "Admission Configuration HTTP1 Help JSON Policy Server System TLS Version",
    "pisw": "Admission Configuration ConfigurationLint Help ImageReference JSON Manifests Policy System Version YAML",
}

# The modules that may import each C module. Lists only become shorter: raw C belongs in System, TLS and YAML.
BOUNDARY = {
    "CLinux": "Server TLS pisw-mutate pisw-serve",
    "COpenSSL": "TLS",
    "CVersion": "Version",
    "CYAML": "YAML",
}

# What is not in Sources: the platform, and packages.
OUTSIDE = {
    "Glibc": IMPORTS,
    "Dispatch": ["Manifests"],
    "Synchronization": ["Manifests", "pisw"],
    "ArgumentParser": ["Help", "pisw", "pisw-serve"],
}


IMPORT = re.compile(r"^(?:@\w+(?:\(\w+\))?\s+)*(?:(?:public|package|internal|fileprivate|private)\s+)?import\s+"
                    r"(?:(?:class|enum|func|let|protocol|struct|typealias|var)\s+)?(\w+)")
FUNCTION = re.compile(r"^( *)(?:(?:@\w+(?:\([^)]*\))?|[a-z]+(?:\(set\))?) +)*?"
                      r"(?:func +(\S+?)[(<]|(init)[?!]?[(<]|(subscript)[(<]|(deinit) \{|var +(\w+)[^={]*\{$)")


def sources(pattern):
    return sorted(path for path in pathlib.Path("Sources").rglob(pattern) if path.suffix in (".swift", ".c", ".h"))


def first_comment(lines):
    """The text of the comment at the beginning of a file."""
    comment = []
    for line in lines:
        if not line.startswith(("//", "/*", " *")):
            break
        comment.append(line.strip("/* "))
    return " ".join(comment)


def swift_functions(lines):
    """The name, the first and the last line of each function and computed property, from 0."""
    for start, line in enumerate(lines):
        found = FUNCTION.match(line)
        if not found:
            continue
        indentation = found.group(1)
        last = start
        # The parameters may take several lines, and `{` one of its own.
        if lines[start].endswith(("(", "<")):
            last = next(i for i in range(start + 1, len(lines)) if lines[i].startswith((indentation + ")",
                                                                                        indentation + ">")))
        if lines[last + 1:last + 2] == [indentation + "{"]:
            last += 1
        if lines[last].endswith("{"):
            while last + 1 < len(lines) and not lines[last].startswith(indentation + "}"):
                last += 1
        yield next(name for name in found.groups()[1:] if name), start, last


def c_functions(lines):
    for start, line in enumerate(lines):
        found = re.match(r"[a-z].*?(\w+)\(", line)
        if found and line.endswith("{"):
            yield found.group(1), start, next(i for i in range(start, len(lines)) if lines[i] == "}")


def check_files():
    for path in sources("*"):
        lines = path.read_text().splitlines()
        excused = f"more than {FILE_LINES} lines, because" in first_comment(lines)
        if len(lines) > FILE_LINES and not excused:
            yield f"{path}: {len(lines)} lines; expected at most {FILE_LINES}"


def check_functions():
    count = 0
    for path in sources("*"):
        lines = path.read_text().splitlines()
        comment = first_comment(lines)
        for name, start, last in (swift_functions if path.suffix == ".swift" else c_functions)(lines):
            count += 1
            length = last + 1 - start
            excused = f"{name} has more than {FUNCTION_LINES} lines, because" in comment.replace("`", "")
            if length > FUNCTION_LINES and not excused:
                yield f"{path}:{start + 1}: {name} has {length} lines; expected at most {FUNCTION_LINES}"
    if count < 300:
        yield f"only {count} functions found: this program does not understand the sources"


def imports():
    """Each import: its place, the module that imports, and what."""
    for path in sources("*.swift"):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            found = IMPORT.match(line)
            if found:
                yield f"{path}:{number}", path.parts[1], found.group(1)


def check_imports():
    for folder in sorted(path.name for path in pathlib.Path("Sources").iterdir()):
        if folder not in IMPORTS and folder not in BOUNDARY:
            yield f"Sources/{folder} is not in the table of {__file__}"
    for place, module, imported in imports():
        if imported in BOUNDARY:
            continue
        allowed = IMPORTS.get(module, "").split()
        if imported not in allowed and module not in OUTSIDE.get(imported, []):
            yield f"{place}: {module} imports {imported}; it may import {', '.join(allowed) or 'no module of Sources'}"


def check_boundary():
    for place, module, imported in imports():
        if imported in BOUNDARY and module not in BOUNDARY[imported].split():
            yield f"{place}: {module} imports {imported}; only these may: {BOUNDARY[imported]}"


def main():
    checks = {"files": check_files, "functions": check_functions, "imports": check_imports, "boundary": check_boundary}
    if len(sys.argv) != 2 or sys.argv[1] not in checks:
        sys.exit(f"usage: structure.py {'|'.join(checks)}")
    violations = list(checks[sys.argv[1]]())
    for violation in violations:
        print(violation)
    sys.exit(1 if violations else 0)


main()
