// Reads JSON into a tree with the JSON reader, because libyaml accepts neither tabs nor surrogate pairs.

import JSON
import YAML

extension Manifest {
  /// The offset at which a JSON object or array may begin in a document, after its `---`; `nil` if there is none.
  func startOfJSON(in part: Range<Int>) -> Int? {
    var i = part.lowerBound
    if text[part].starts(with: "---".utf8) { i += 3 }
    i = endOfBlanks(i, part)
    guard i < part.upperBound, text[i] == UInt8(ascii: "{") || text[i] == UInt8(ascii: "[") else { return nil }
    return i
  }

  /// Why a part of the text is not a sequence of JSON values; `nil` if it is one.
  func faultInJSON(_ part: Range<Int>) -> JSONError? {
    var reader = JSONReader(text, at: part.lowerBound)
    do throws(JSONError) {
      repeat { try reader.skip() } while endOfBlanks(reader.offset, part) < part.upperBound
      return nil
    } catch {
      return error
    }
  }

  /// Calls `body` with each JSON value of a part as a document. `faultInJSON` must have found no fault in the part.
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
  /// Adds the next value to a tree. The reader bounds its depth.
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
