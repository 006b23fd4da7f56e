// Documents as trees: the kind, byte range and value of each node.

import Testing
import YAML

/// The trees of a text that begins at an offset within a larger one.
private func trees(_ text: String, after prefix: String = "") throws(YAMLError) -> [YAMLTree] {
  var parser = YAMLParser(Array(text.utf8)[...])
  var trees: [YAMLTree] = []
  while true {
    var tree = YAMLTree(text: Array((prefix + text).utf8))
    guard try parser.readDocument(into: &tree, at: prefix.utf8.count) else { return trees }
    trees.append(tree)
  }
}

/// Each scalar of a tree: its text as written, and its value.
private func scalars(_ tree: YAMLTree) -> [String] {
  tree.nodes.indices.filter { tree.nodes[$0].kind == .scalar }.map { index in
    let node = tree.nodes[index]
    return String(decoding: tree.text[Int(node.start)..<Int(node.end)], as: UTF8.self) + " = " + tree.string(index)
  }
}

@Suite("Trees")
struct TreeTests {
  @Test("Children follow their collection, and each node knows the index after it")
  func order() throws {
    let tree = try trees("a: [b, {c: d}]\ne: f\n")[0]
    #expect(
      tree.nodes.map(\.kind) == [.mapping, .scalar, .sequence, .scalar, .mapping, .scalar, .scalar, .scalar, .scalar])
    #expect(tree.nodes.indices.map(tree.after) == [9, 2, 7, 4, 7, 6, 7, 8, 9])
    #expect(tree.depth == 0 && !tree.hasAliases)
  }

  @Test(
    "A scalar has its byte range and value, in every style, with any script and any line break",
    arguments: [
      ("a", ["a = a"]), ("'it''s'", ["'it''s' = it's"]), (#""\x61é""#, [#""\x61é" = aé"#]),
      ("é: 日本", ["é = é", "日本 = 日本"]),
      ("- |\n  x\n- y\n", ["|\n  x\n = x\n", "y = y"]), ("- >-\n  x\n  y\n- z", [">-\n  x\n  y\n = x y", "z = z"]),
      ("- &a !!str x\n- y", ["&a !!str x = x", "y = y"]),
      ("[a,\r\n  é, 'b\r\n  c',\r\n d]", ["a = a", "é = é", "'b\r\n  c' = b c", "d = d"]),
      (
        "- \"a\r\n\r\n  b\r\n  c\"\r\n- |\r\n  é\r\n  b\r\n- x\r\n",
        ["\"a\r\n\r\n  b\r\n  c\" = a\nb c", "|\r\n  é\r\n  b\r\n = é\nb\n", "x = x"]
      ),
      ("- a\u{2028}- b\u{85}- c\r- d", ["a = a", "b = b", "c = c", "d = d"]), ("- a b # c\n-\n", ["a b = a b", " = "]),
      ("- \"\\N\"\n- \"\u{85}\"", ["\"\\N\" = \u{85}", "\"\u{85}\" =  "]),
      ("{a: b,\n\tc: d}", ["a = a", "b = b", "c = c", "d = d"]),
    ])
  func places(_ text: String, _ expected: [String]) throws {
    #expect(scalars(try trees(text)[0]) == expected)
    #expect(scalars(try trees(text, after: "é: before\n")[0]) == expected)
  }

  @Test("A line of many characters is scanned only once")
  func longLine() throws {
    let text = "[" + String(repeating: "é, ", count: 200_000) + "x]"
    let tree = try trees(text)[0]
    #expect(tree.nodes.count == 200_002)
    #expect(Int(tree.nodes.last!.start) == text.utf8.count - 2)
  }

  @Test("Styles and tags are distinguished")
  func styles() throws {
    let tree = try trees("[a, 'a', \"a\", !!str a, !!int a, ! a, !x a, !!binary a]")[0]
    #expect(
      tree.nodes.dropFirst().map(\.style) == [
        .plain, .singleQuoted, .doubleQuoted, .plain, .plain, .plain, .plain, .plain,
      ])
    #expect(tree.nodes.dropFirst().map(\.tag) == [.none, .none, .none, .string, .resolved, .string, .string, .binary])
    #expect(try trees("|\n a\n")[0].nodes[0].style == .literal)
    #expect(try trees(">\n a\n")[0].nodes[0].style == .folded)
  }

  @Test("An alias refers to the latest anchor of its name in its own document")
  func aliases() throws {
    let tree = try trees("[&a x, *a, &a y, *a]")[0]
    #expect(tree.hasAliases)
    #expect(tree.nodes.indices.map(tree.resolved) == [0, 1, 1, 3, 3])
    let error = #expect(throws: YAMLError.self) { try trees("--- &a x\n--- *a\n") }
    #expect(error?.offset == 13)
  }

  @Test("Values are compared by their bytes")
  func values() throws {
    let tree = try trees(#"[image, "ima\x67e", imagf, [image]]"#)[0]
    #expect((1...4).map { tree.isScalar($0, "image") } == [true, true, false, false])
    #expect(tree.hasSameValue(1, 2) && !tree.hasSameValue(1, 3))
  }

  @Test("A tree can be built without YAML, and emptied")
  func building() {
    var tree = YAMLTree(text: Array(#"{"a":"b"}"#.utf8))
    tree.open(.mapping, from: 0)
    tree.addScalar(.doubleQuoted, from: 1, to: 4, value: 2..<3)
    tree.addScalar(.doubleQuoted, from: 5, to: 8, copying: Array("c".utf8))
    #expect(tree.depth == 1)
    tree.close(at: 9)
    #expect(tree.nodes.indices.map(tree.after) == [3, 2, 3])
    #expect(tree.string(1) == "a" && tree.string(2) == "c")
    tree.removeAll()
    #expect(tree.nodes.isEmpty)
  }

  @Test("Errors have their byte offset", arguments: [("é: [", 5), ("a: b\né: @x", 9), ("é: \"\\q\"", 5)])
  func faults(_ text: String, _ offset: Int) {
    #expect(#expect(throws: YAMLError.self) { try trees(text) }?.offset == offset)
  }
}
