// JSON as a tree, by JSON's own rules: libyaml takes most of it, but neither tabs nor pairs of surrogates.

import JSON
import YAML

extension Manifest {
  /// Where a value begins that may be JSON, an object or an array, after the marker of a document.
  func startOfJSON(in part: Range<Int>) -> Int? {
    var i = part.lowerBound
    if text[part].starts(with: "---".utf8) { i += 3 }
    i = endOfBlanks(i, part)
    guard i < part.upperBound, text[i] == UInt8(ascii: "{") || text[i] == UInt8(ascii: "[") else { return nil }
    return i
  }

  /// Why a part of the text is not one JSON value after another; `nil` if it is.
  func faultInJSON(_ part: Range<Int>) -> JSONError? {
    var reader = JSONReader(text, at: part.lowerBound)
    do throws(JSONError) {
      repeat { try reader.skip() } while endOfBlanks(reader.offset, part) < part.upperBound
      return nil
    } catch {
      return error
    }
  }

  /// Hands out the values of a part without a fault, each as a document.
  func readJSON(
    _ part: Range<Int>, _ tree: inout YAMLTree, _ body: (YAMLTree) -> Void
  ) throws(ManifestProblem) {
    var reader = JSONReader(text, at: part.lowerBound)
    repeat {
      tree.removeAll()
      do throws(JSONError) {
        try reader.addValue(to: &tree)
      } catch {
        throw ManifestProblem("not valid JSON: " + error.problem, at: error.offset)
      }
      try tree.check()
      body(tree)
    } while endOfBlanks(reader.offset, part) < part.upperBound
  }

  private func endOfBlanks(_ start: Int, _ part: Range<Int>) -> Int {
    var i = start
    while i < part.upperBound, text[i] == 0x20 || (0x09...0x0D).contains(text[i]) { i += 1 }
    return i
  }
}

extension JSONReader {
  /// Reads the value ahead into a tree. Its depth is bounded by the reader.
  fileprivate mutating func addValue(to tree: inout YAMLTree) throws(JSONError) {
    let kind = try peek()
    let start = offset
    switch kind {
    case .object:
      tree.open(.mapping, from: start)
      try openObject()
      while let key = try nextKey() {
        add(key, to: &tree)
        try addValue(to: &tree)
      }
      tree.close(at: offset)
    case .array:
      tree.open(.sequence, from: start)
      try openArray()
      while try nextElement() { try addValue(to: &tree) }
      tree.close(at: offset)
    case .string: add(try string(), to: &tree)
    case .number, .boolean, .null:
      try skip()
      tree.addScalar(.plain, from: start, to: offset, value: start..<offset)
    }
  }

  private func add(_ string: JSONString, to tree: inout YAMLTree) {
    let (start, end) = (string.range.lowerBound - 1, string.range.upperBound + 1)
    if string.escaped {
      tree.addScalar(.doubleQuoted, from: start, to: end, copying: decodedBytes(string))
    } else {
      tree.addScalar(.doubleQuoted, from: start, to: end, value: string.range)
    }
  }
}
