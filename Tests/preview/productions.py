"""YAML of every production that libyaml reads (YAML 1.1, chapters 5 to 10), and no manifest: previewed alone and with a
pod, no byte of it changes, it has no problem, and PyYAML reads the same before and after.

productions.py PISW
"""

import subprocess
import sys

import yaml

POD = "kind: Pod\napiVersion: v1\nspec: {containers: [{name: c, image: nginx}]}\n"

DOCUMENTS = [
    # Characters and line breaks (chapter 5)
    "", "\n", "# only a comment", "a", "a\tb", "é: 日本語 😀\n", "\ufeff# mark\na: b\n", "a: b\r\nc: d\r\n", "a: b\rc: d\r",
    "a: b\u2028c: d\u2029", "- a\x85- b\n", '"\\0\\a\\b\\t\\n\\v\\f\\r\\e\\"\\/\\\\\\N\\_\\L\\P\\x41\\u00e9\\U0001f600"\n',
    # Structure, comments, separation (chapter 6)
    "a:   b  # comment\n# another\n\n  # a third\nc: d\n", "{first: Sammy, last: Sosa}:\n  hr: 65\n  avg: 0.278\n",
    "? # comment\n  - a\n:  # comment\n  - b\n", "a:\tb\nc: \td\t\n", "%YAML 1.1\n---\na\n", "%TAG ! tag:example.com,2000:\n---\n!x a\n",
    "%TAG !e! tag:example.com,2000:\n--- !e!x\na: !e!y b\n", "!<tag:yaml.org,2002:str> a : !<!b> c\n", "! a\n", "!!str a: !!int 5\n",
    "&a a: &b b\nc: *a\nd: *b\n", "&m {a: &n [b, &o c]}\n", "- &e\n- *e\n- &e b\n- *e\n", "!!map &m {a: b}\n", "&m !!map {a: b}\n",
    # Alias and flow nodes (chapters 7 and 8 of 1.1)
    "First occurrence: &x Value\nSecond occurrence: *x\n", "? a\n", "? a\n? b\n: c\n", "a:\nb:\n", "? \n: b\n", "{? a : b, ? c, d: }\n",
    "[a, [b, c], {d: e}, f: g, ? h : i]\n", "[]\n", "{}\n", "- []\n- {}\n", "{a: [b, c], }\n", "[a, b, ]\n", '{"a":b, \'c\':d}\n',
    "{http://foo.com: b, 1:2}\n", "'it''s'\n", "'a\n\n  b\n  c'\n", '"a\n\n  b\\\n  c \\\n    d"\n', "a\n b\n\n c\n", "a: b:c\n",
    "- ::vector\n- \": - ()\"\n- Up, up, and away!\n- -123\n- http://example.com/foo#bar\n", "a#b: c#d #e\n",
    # Block styles (chapters 8 and 9)
    "--- |\n  a\n\n    b\n   # not a comment\n", "--- >\n  a\n  b\n\n    c\n\n  d\n", "a: |+\n  b\n\n\nc: d\n", "a: |-\n  b\n\n# c\n",
    "a: >2-\n    b\n   c\n", "a: |1\n  b\n", "- |\n a\n- >\n \n  b\n  \n", "a: |\n\n\nb: >\n\nc: |-\n", "a:\n- b\n-\n  - c\n  -\n    d: e\n",
    "- - - a\n    - b\n- c: d\n  e: f\n", "a: &b\n  c: d\ne: !!seq\n- f\n", "? |\n  a\n: - b\n  - c\n", "? - a\n: - b\n", "a:\n  - b\n\n\n  # c\n  - d\n",
    # Streams (chapter 9)
    "a\n---\nb\n...\n---\n# c\n...\n", "--- a\n--- 'b'\n--- [c]\n--- {d: e}\n", "---\n---\n---\n", "%YAML 1.1\n---\na\n...\n%YAML 1.1\n---\nb\n",
    "--- |\n %!PS\n...\n---\n# d\nx: y\n", "a: '--- b'\nc: \"\n  --- d\"\n", "--- \na: b\n", "a\n...\n...\n",
    # Types (the repository of 1.1)
    "[~, null, '', true, Yes, n, on, 0x1F, 0b11, 0o7, 017, 1_000, 190:20:30, .inf, -.INF, .NaN, 1e3, 6.8523015e+5]\n",
    "[2001-12-14, 2001-12-14t21:59:43.10-05:00, !!binary aGVsbG8=, !!set {a, b}, !!omap [a: b], !!pairs [a: b, a: c]]\n",
    "- &c {x: 1}\n- &l {y: 2}\n- {<<: *c}\n- {<<: [*c, *l], x: 3}\n- {<<: {z: 4}}\n", "=: a\n<: b\n",
    # Objects without a pod
    "kind: List\nitems: []\n", "kind: List\nitems: {a: b}\n", "kind: List\n", "kind: [a]\n", "kind: Pod\n", "kind: Pod\nspec:\n",
    "kind: Pod\napiVersion: v1\nspec: {}\n", "kind: Deployment\napiVersion: apps/v1\nspec: {template: }\n", "kind: Odd\nspec: {containers: {a: b}}\n",
    "kind: Odd\nspec: [containers]\n", "? kind\n: ? a\n", "kind: Odd\n? [a, b]\n: {spec: {containers: []}}\n",
]


def preview(text):
    done = subprocess.run(
        [sys.argv[1], "preview", "--mirror", "docker.io=proxy.example.com", "--output", "yaml"],
        input=text.encode(), capture_output=True, check=False)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def events(text):
    return [(type(e).__name__, getattr(e, "value", None)) for e in yaml.parse(text, Loader=yaml.CSafeLoader)]


failures = 0
for document in DOCUMENTS:
    events(document)
    separator = "" if document.endswith(("\n", "\r", "\u2029")) or not document else "\n"
    beside = POD + "---\n" + document.lstrip("\ufeff") if not document.startswith("%") else POD + "...\n" + document
    for text in (document, beside, document + separator + "---\n" + POD):
        want = text.replace("image: nginx", "image: proxy.example.com/library/nginx:latest")
        got = preview(text)
        if got != (0, want, ""):
            failures += 1
            print(f"{text!r}\n  gives {got}")
print(f"{len(DOCUMENTS)} texts, alone and before and after a pod")
sys.exit(failures > 0)
