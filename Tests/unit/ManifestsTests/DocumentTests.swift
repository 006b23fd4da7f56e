// A text is split into documents, and a problem in one does not affect the others.

import Manifests
import Testing
import YAML

@Suite("Documents")
struct DocumentTests {
  @Test(
    "Every document of a stream is read, whatever separates them",
    arguments: [
      ("", 0), ("\u{FEFF}", 0), ("a: b\n...\n\u{FEFF}", 1), ("\n\n", 0), ("# nothing\n", 0), ("---\n", 1), ("a: b", 1),
      ("a: b\n---\nc: d\n", 2),
      ("---\na: b\n---\nc: d\n---\n", 3), ("a: b\n...\nc: d\n", 2), ("a: b\n...\n---\nc: d\n...\n", 2),
      ("%YAML 1.1\n---\na: b\n...\n%YAML 1.1\n---\nc: d\n", 2), ("# one\n---\na: b\n# two\n---\nc: d\n", 2),
      ("--- a\n--- b\n--- |\n c\n", 3), ("a: b\r\n---\r\nc: d\r\n", 2), ("\u{FEFF}a: b\n---\nc: d", 2),
      ("\u{FEFF}---\na: b\n---\n\u{FEFF}c: d\n", 2), ("a: |\n  ---\n  b\nc: '--- '\n", 1),
      ("---a: b\n...c: d\n", 1), ("a: b\n ---\n", 1), ("{}", 1), ("{}{} []", 3), ("{\"a\":1}\n---\n{\"b\":2}", 2),
      ("[1, 2]", 1), ("---\t\na: b\n", 1),
      ("a: b\n---\n\u{FEFF}c: d\n", 2), ("a: b\r\n--- \r\n\u{FEFF}c: d\r\n", 2),
      ("%YAML 1.1\n---\na: b\n...\n---\n\u{FEFF}c: d\n", 2),
    ])
  func count(_ text: String, _ documents: Int) throws {
    let preview = try preview(text)
    #expect(preview.problems.map(\.problem) == [])
    #expect(preview.documents == documents)
  }

  @Test(
    "A byte order mark before a document is not part of its first key",
    arguments: [
      "\u{FEFF}", "---\n\u{FEFF}", "a: b\n---\n\u{FEFF}", "a: b\r\n--- \r\n\u{FEFF}",
      "%YAML 1.1\n---\na: b\n...\n---\n\u{FEFF}", "a: b\n...\n\u{FEFF}",
    ])
  func byteOrderMark(_ before: String) throws {
    #expect(try preview(before + pod("image: nginx")).findings.map(\.outcome.image) == ["nginx"])
  }

  @Test(
    "A problem has its place, and the other documents are processed",
    arguments: [
      ("a: [1\n---\n", "m.yaml:2:1: not valid YAML: did not find expected ',' or ']'"),
      ("a: 'open\n---\n", "m.yaml:2:1: not valid YAML: found unexpected end of stream"),
      ("\ta: b\n---\n", "m.yaml:1:1: not valid YAML: found character that cannot start any token"),
      ("ä: [é, *x]\n---\n", "m.yaml:1:8: not valid YAML: an alias without an anchor"),
      ("a: 1\nb: 2\na: 3\n---\n", "m.yaml:3:1: duplicate key \"a\"; expected it once"),
      ("a: {x: 1, \"x\": 2}\n---\n", "m.yaml:1:11: duplicate key \"x\"; expected it once"),
      ("a: &a [*a]\n---\n", "m.yaml:1:8: an alias inside its own anchor"),
      ("a: \u{1}\n---\n", "m.yaml:1:4: not valid YAML: control characters are not allowed"),
      (
        pod("image: !!binary bmdpbng=") + "---\n",
        "m.yaml:7:12: a value in base64 (!!binary); expected text: write it as it is"
      ),
      ("- {{ a }}: b\n - c\n---\n", ""),
    ])
  func faults(_ text: String, _ problem: String) throws {
    let text = text + pod("image: nginx")
    if problem.isEmpty {
      let found = try problems(text)
      #expect(found.count == 1 && found[0].contains("helm template CHART | pisw preview"))
    } else {
      #expect(try problems(text) == [problem])
    }
    #expect(try preview(text).findings.count == 1)
  }

  @Test("A duplicate key is found among many keys, too")
  func manyKeys() throws {
    let keys = (0..<5000).map { "k\($0): \($0)\n" }.joined()
    #expect(try problems(keys) == [])
    #expect(try problems(keys + "k4000: x\n") == ["m.yaml:5001:1: duplicate key \"k4000\"; expected it once"])
  }

  @Test("A mapping may have several merge keys")
  func mergeKeysTwice() throws {
    #expect(try problems("a: &a {x: 1}\nb: {<<: *a, <<: *a}\n") == [])
  }

  @Test("Nesting is bounded, in YAML and in JSON")
  func depth() throws {
    let deep = { (count: Int) in String(repeating: "[", count: count) + String(repeating: "]", count: count) }
    #expect(try problems("a: " + deep(150)) == [])
    #expect(try problems("a: " + deep(100_000)).map { $0.hasSuffix("nested deeper than 200 levels") } == [true])
    #expect(try problems(deep(400), name: "m.json") == [])
    #expect(try problems(deep(100_000), name: "m.json").map { $0.contains("nest too deep") } == [true])
  }

  @Test("Aliases that multiply are refused without following them")
  func billionLaughs() throws {
    var text = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n"
    for i in 1..<30 {
      text += "a\(i): &a\(i) [" + Array(repeating: "*a\(i - 1)", count: 10).joined(separator: ",") + "]\n"
    }
    text += "kind: Pod\nspec: *a29\n"
    #expect(try problems(text).map { $0.contains("aliases that expand to more than") } == [true])
    text = "a0: &a0 {x: 1}\n"
    for i in 1..<60 { text += "a\(i): &a\(i) {<<: [*a\(i - 1), *a\(i - 1)]}\n" }
    text += "kind: Deployment\napiVersion: apps/v1\n<<: *a59\n"
    #expect(try problems(text).map { $0.contains("aliases that expand to more than") } == [true])
  }

  @Test(
    "UTF-16 and UTF-32 are refused, with the remedy",
    arguments: [[0xFF, 0xFE, 0x61, 0], [0xFE, 0xFF, 0, 0x61], [0x61, 0, 0x3A, 0], [0, 0x61]] as [[UInt8]])
  func encodings(_ text: [UInt8]) throws {
    let preview = Preview(policy: try policy(), namespace: "default").preview(Manifest(name: "m", text: text))
    #expect(preview.problems.map { $0.problem.contains("iconv") } == [true])
  }

  @Test("Bytes that are not UTF-8 are a problem at their own place")
  func notUTF8() throws {
    let text = Array("a: b\n---\nc: \"".utf8) + [0xC3, 0x28] + Array("\"\n".utf8)
    let preview = Preview(policy: try policy(), namespace: "default").preview(Manifest(name: "m", text: text))
    #expect(preview.problems.map(\.offset) == [14])
    #expect(preview.documents == 1)
  }

  @Test("JSON is read by JSON's rules: tabs, surrogate pairs, escaped slashes")
  func json() throws {
    let text =
      "{\n\t\"kind\": \"Pod\", \"apiVersion\": \"v1\", \"x\": \"\\ud83d\\ude00\","
      + "\n\t\"spec\": {\"containers\": [{\"name\": \"c\", \"image\": \"a\\/b\"}]}}"
    #expect(try edited(text) == text.replacing("a\\/b", with: "p.io/a/b:latest"))
    #expect(try problems("{\"a\": 1,}", name: "m.json") == [])
    #expect(
      try problems("{\"a\" 1]", name: "m.json") == [
        "m.json:1:6: not valid JSON: expected a colon after the member's name"
      ])
  }

  @Test("A template gets one message with the remedy, however many of its documents are invalid")
  func templates() throws {
    let text = "{{- if .Values.a }}\nkind: Pod\n{{- end }}\n---\n{{ include \"x\" . }}: {{ y }}\n - z\n"
    let found = try problems(text)
    #expect(found.count == 1 && found[0].hasPrefix("m.yaml:"))
    #expect(found[0].contains("render it first, for instance with helm template CHART | pisw preview"))
    #expect(try problems(pod("image: {{ .Values.image }}")).map { $0.contains("helm template") } == [true])
    #expect(try problems(pod("image: '{{ .Values.image }}'")) == [])
  }
}
