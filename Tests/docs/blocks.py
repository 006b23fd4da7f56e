"""Writes the console blocks of a Markdown file as shell scripts, each with the output that the block shows.

blocks.py FILE FOLDER
"""

import os
import re
import sys

source, folder = sys.argv[1:]
os.makedirs(folder)
with open(source, encoding="utf-8") as file:
    blocks = re.findall(r"^```console\n(.*?)^```$", file.read(), re.M | re.S)
if not blocks:
    sys.exit("no console block in " + source)
for number, block in enumerate(blocks):
    lines = block.splitlines(keepends=True)
    with open(f"{folder}/{number:02}.sh", "w", encoding="utf-8") as script:
        script.writelines(line[2:] for line in lines if line.startswith("$ "))
    with open(f"{folder}/{number:02}.expected", "w", encoding="utf-8") as expected:
        expected.writelines(line for line in lines if not line.startswith("$ "))
