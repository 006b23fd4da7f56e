"""Makes the table of values in the chart's README from the comments in values.yaml. Each value must have a comment.

readme.py [--write]: checks the README, or writes the table into it.
"""

import json
import os
import re
import sys

import yaml

CHART = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../chart")
HEAD = "| value | default | meaning |\n|---|---|---|\n"


def commented(text):
    """The path and the comment of each value whose comment begins with `# --`."""
    path, comment = [], None
    for line in text.splitlines():
        stripped = line.strip()
        indent = (len(line) - len(line.lstrip())) // 2
        if stripped.startswith("# -- "):
            comment = [stripped.removeprefix("# -- ")]
        elif stripped.startswith("#") and comment:
            comment.append(stripped.removeprefix("# "))
        elif match := re.match(r"([A-Za-z]+):", stripped):
            path = path[:indent] + [match[1]]
            if comment:
                yield path, " ".join(comment)
            comment = None


def descend(values, path):
    for key in path:
        values = values[key]
    return values


def table():
    with open(f"{CHART}/values.yaml", encoding="utf-8") as file:
        text = file.read()
    values = yaml.safe_load(text)
    rows, covered = "", []
    for path, comment in commented(text):
        default = json.dumps(descend(values, path), ensure_ascii=False).replace("|", "\\|")
        rows += f"| `{'.'.join(path)}` | `{default}` | {comment.replace('|', chr(92) + '|')} |\n"
        covered.append(path)
    missing = [path for path in leaves(values) if not any(path[:len(each)] == each for each in covered)]
    if missing:
        sys.exit(f"values without a comment: {missing}")
    return HEAD + rows


def leaves(values, path=()):
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, (*path, key))
        else:
            yield [*path, key]


def main():
    readme = f"{CHART}/README.md"
    with open(readme, encoding="utf-8") as file:
        text = file.read()
    before, _, rest = text.partition(HEAD)
    after = re.sub(r"\A(\|.*\n)*", "", rest)
    wanted = before + table() + after
    if sys.argv[1:] == ["--write"]:
        with open(readme, "w", encoding="utf-8") as file:
            file.write(wanted)
    elif wanted != text:
        sys.exit("the table in chart/README.md does not match values.yaml: run Tests/chart/readme.py --write")


if __name__ == "__main__":
    main()
