// Edits as a unified diff, and offsets as lines and columns.

import Policy
import Testing

@testable import Manifests

private func lines(_ text: String, _ edits: [Edit], name: String = "m.yaml") -> [DiffLine] {
  var lines: [DiffLine] = []
  manifest(text, name: name).forEachDiffLine(of: edits) { lines.append($0) }
  return lines
}

/// The diff after its two header lines.
private func hunks(_ text: String, _ edits: [(Range<Int>, String)]) -> String {
  let lines = lines(text, edits.map { Edit(range: $0, replacement: $1) })
  #expect(lines.prefix(2).map { String(decoding: $0.text, as: UTF8.self) } == ["--- a/m.yaml\n", "+++ b/m.yaml\n"])
  return lines.dropFirst(2).map { String(decoding: $0.text, as: UTF8.self) }.joined()
}

@Suite("Diffs")
struct DiffTests {
  @Test("Without edits there is no diff")
  func none() { #expect(lines("a", []) == []) }

  @Test(
    "A change is shown with up to three lines of context on each side",
    arguments: [
      ("a\n", [(0..<1, "x")], "@@ -1,1 +1,1 @@\n-a\n+x\n"),
      ("a", [(0..<1, "x")], "@@ -1,1 +1,1 @@\n-a\n\\ No newline at end of file\n+x\n\\ No newline at end of file\n"),
      ("1\n2\n3\n4\nab\n6\n7\n8\n9\n", [(9..<10, "x")], "@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-ab\n+ax\n 6\n 7\n 8\n"),
      ("a\r\nb\r\n", [(3..<4, "x")], "@@ -1,2 +1,2 @@\n a\r\n-b\r\n+x\r\n"),
      ("aba\n", [(0..<1, "x"), (2..<3, "y")], "@@ -1,1 +1,1 @@\n-aba\n+xby\n"),
      ("a\nb\nc\n", [(0..<3, "x")], "@@ -1,3 +1,2 @@\n-a\n-b\n+x\n c\n"),
      (
        "a\n2\n3\n4\n5\n6\n7\nb\n", [(0..<1, "x"), (14..<15, "y")],
        "@@ -1,8 +1,8 @@\n-a\n+x\n 2\n 3\n 4\n 5\n 6\n 7\n-b\n+y\n"
      ),
      (
        "a\n2\n3\n4\n5\n6\n7\n8\nb\n", [(0..<1, "x"), (16..<17, "y")],
        "@@ -1,4 +1,4 @@\n-a\n+x\n 2\n 3\n 4\n@@ -6,4 +6,4 @@\n 6\n 7\n 8\n-b\n+y\n"
      ),
    ] as [(String, [(Range<Int>, String)], String)])
  func hunk(_ text: String, _ edits: [(Range<Int>, String)], _ diff: String) {
    #expect(hunks(text, edits) == diff)
  }

  @Test(
    "The header has the file's name as git writes it",
    arguments: [
      ("k8s/web.yaml", "a/k8s/web.yaml"), ("/k8s/web.yaml", "a/k8s/web.yaml"), ("é,%.yaml", "a/é,%.yaml"),
      ("a b.yaml", "a/a b.yaml\t"), ("a\n+b.yaml", "\"a/a\\012+b.yaml\""), ("a\t\u{7F}", "\"a/a\\011\\177\""),
      ("\"x\\", "\"a/\\\"x\\\\\""),
    ])
  func header(_ name: String, _ header: String) {
    let line = lines("a", [Edit(range: 0..<1, replacement: "x")], name: name)[0].text
    #expect(String(decoding: line, as: UTF8.self) == "--- " + header + "\n")
  }

  @Test("The time for many edits in one line grows linearly", .timeLimit(.minutes(1)))
  func manyEditsInALine() {
    let edits = (0..<200_000).map { Edit(range: 2 * $0..<2 * $0 + 1, replacement: "x") }
    #expect(lines(String(repeating: "a ", count: edits.count), edits).count == 5)
  }

  @Test("Lines and columns count from 1, columns in code points, and may be asked for in any order")
  func places() {
    var lines = Lines(manifest("aé日\n\nb\r\nc", name: "é"))
    let offsets = [0, 1, 3, 6, 7, 8, 11, 3, 0, 12]
    let places = offsets.map { lines.position($0) }.map { [$0.line, $0.column] }
    #expect(places == [[1, 1], [1, 2], [1, 3], [1, 4], [2, 1], [3, 1], [4, 1], [1, 3], [1, 1], [4, 2]])
    #expect(lines.place(8) == .file("\\u00e9", line: 3, column: 1))
  }
}
