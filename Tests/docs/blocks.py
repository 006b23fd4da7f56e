"""Writes the code blocks of one language in Markdown files as shell scripts.

blocks.py LANGUAGE FOLDER FILE...

In a `console` block, a line that begins with `$ ` is a command, and lines with `> ` directly below continue it. The
other lines are the expected output, which is written beside the script. A block of another language is a script.
"""

import os
import re
import sys


def split(block):
    """The commands of a console block, and their expected output."""
    commands, printed, goes_on = [], [], False
    for line in block.splitlines(keepends=True):
        goes_on = line.startswith("$ ") or (goes_on and line.startswith("> "))
        if goes_on:
            commands.append(line[2:])
        else:
            printed.append(line)
    return commands, printed


def main():
    language, folder, *files = sys.argv[1:]
    os.makedirs(folder)
    for source in files:
        with open(source, encoding="utf-8") as file:
            # A block inside a list is indented as far as its fence.
            blocks = re.findall(rf"^( *)```{language}\n(.*?)^\1```$", file.read(), re.M | re.S)
        name = source.replace("/", "-")
        for number, (indent, block) in enumerate(blocks):
            block = re.sub(rf"^{indent}", "", block, flags=re.M)
            commands, printed = split(block) if language == "console" else ([block], [])
            if not commands:
                sys.exit(f"{source}: a console block without a command")
            path = f"{folder}/{name}-{number:02}"
            with open(f"{path}.sh", "w", encoding="utf-8") as script:
                script.writelines(commands)
            with open(f"{path}.expected", "w", encoding="utf-8") as expected:
                expected.writelines(printed)


if __name__ == "__main__":
    main()
