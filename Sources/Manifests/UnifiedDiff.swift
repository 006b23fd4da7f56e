// Writes edits of a text as a unified diff. The edits say where the changes are, so no comparison is necessary.

/// A line of a unified diff.
public struct DiffLine: Equatable, Sendable {
  public enum Kind: Sendable { case header, hunk, context, removed, added }
  public let kind: Kind
  /// The whole line, with its mark (a blank, `-` or `+`) and its line break.
  public let text: [UInt8]
}

/// Consecutive lines that change, and the edits in them.
private struct Change {
  /// The bytes from the beginning of the first line to the end of the last.
  var range: Range<Int>
  var firstLine: Int
  var lineCount: Int
  var edits: [Edit]
}

private let contextLines = 3

extension Manifest {
  /// Calls `body` with each line of a unified diff of the edits, for `patch -p1` and `git apply`. Without edits, there
  /// is no line.
  ///
  /// - Parameter edits: in the order of the text, without overlaps.
  public func forEachDiffLine<Failure>(
    of edits: [Edit], _ body: (DiffLine) throws(Failure) -> Void
  ) throws(Failure) {
    if edits.isEmpty { return }
    let path = String(Substring(name.utf8.drop { $0 == UInt8(ascii: "/") }))
    try body(DiffLine(kind: .header, text: Array("--- \(headerName("a/" + path))\n".utf8)))
    try body(DiffLine(kind: .header, text: Array("+++ \(headerName("b/" + path))\n".utf8)))
    let changes = changes(edits)
    var first = 0
    var shift = 0
    while first < changes.count {
      // Changes whose context lines would touch or overlap share a hunk.
      var last = first
      while last + 1 < changes.count,
        changes[last + 1].firstLine - (changes[last].firstLine + changes[last].lineCount) <= 2 * contextLines
      { last += 1 }
      for line in hunk(changes[first...last], &shift) { try body(line) }
      first = last + 1
    }
  }

  /// The text with the edits applied.
  public func applying(_ edits: [Edit]) -> [UInt8] { edited(0..<text.count, edits[...]) }

  /// The same in pieces, so that a large text need not be in memory twice.
  ///
  /// - Parameter start: the offset to begin at. No edit may be before it.
  public func forEachPiece<Failure>(
    _ edits: [Edit], from start: Int = 0, _ body: ([UInt8]) throws(Failure) -> Void
  ) throws(Failure) {
    var first = 0
    var place = start
    while place < text.count {
      var end = min(place + 1 << 18, text.count)
      var last = first
      while last < edits.count, edits[last].range.lowerBound < end {
        end = max(end, edits[last].range.upperBound)
        last += 1
      }
      try body(edited(place..<end, edits[first..<last]))
      (first, place) = (last, end)
    }
  }

  private func edited(_ range: Range<Int>, _ edits: ArraySlice<Edit>) -> [UInt8] {
    var out: [UInt8] = []
    out.reserveCapacity(range.count + edits.reduce(0) { $0 + $1.replacement.utf8.count })
    var end = range.lowerBound
    for edit in edits {
      out += text[end..<edit.range.lowerBound]
      out += edit.replacement.utf8
      end = edit.range.upperBound
    }
    out += text[end..<range.upperBound]
    return out
  }

  private func changes(_ edits: [Edit]) -> [Change] {
    var changes: [Change] = []
    var line = 1
    var offset = 0
    for edit in edits {
      line += text[offset..<edit.range.lowerBound].count { $0 == 0x0A }
      offset = edit.range.lowerBound
      if let last = changes.indices.last, changes[last].range.contains(edit.range.lowerBound) {
        changes[last].edits.append(edit)
        continue
      }
      let start = startOfLine(edit.range.lowerBound)
      let end = endOfLine(max(edit.range.lowerBound, edit.range.upperBound - 1))
      let count = text[start..<end].count { $0 == 0x0A } + (text[end - 1] == 0x0A ? 0 : 1)
      changes.append(Change(range: start..<end, firstLine: line, lineCount: count, edits: [edit]))
    }
    return changes
  }

  private func hunk(_ changes: ArraySlice<Change>, _ shift: inout Int) -> [DiffLine] {
    var start = changes.first!.range.lowerBound
    var end = changes.last!.range.upperBound
    var firstLine = changes.first!.firstLine
    for _ in 0..<contextLines where start > 0 {
      start = startOfLine(start - 1)
      firstLine -= 1
    }
    for _ in 0..<contextLines where end < text.count { end = endOfLine(end) }

    var body: [DiffLine] = []
    var place = start
    for change in changes {
      addLines(text[place..<change.range.lowerBound], .context, to: &body)
      addLines(text[change.range], .removed, to: &body)
      addLines(edited(change.range, change.edits[...])[...], .added, to: &body)
      place = change.range.upperBound
    }
    addLines(text[place..<end], .context, to: &body)
    let old = body.count { $0.kind == .context || $0.kind == .removed }
    let new = body.count { $0.kind == .context || $0.kind == .added }
    let head = "@@ -\(firstLine),\(old) +\(firstLine + shift),\(new) @@\n"
    shift += new - old
    return [DiffLine(kind: .hunk, text: Array(head.utf8))] + body
  }

  /// Adds the lines of a part of the text. A last line without a line break gets the note that diff puts there.
  private func addLines(_ part: ArraySlice<UInt8>, _ kind: DiffLine.Kind, to lines: inout [DiffLine]) {
    let mark: UInt8 = kind == .context ? 0x20 : UInt8(ascii: kind == .removed ? "-" : "+")
    var start = part.startIndex
    while start < part.endIndex {
      let end = part[start...].firstIndex(of: 0x0A).map { $0 + 1 } ?? part.endIndex
      var line = [mark] + part[start..<end]
      if line.last != 0x0A { line += Array("\n\\ No newline at end of file\n".utf8) }
      lines.append(DiffLine(kind: kind, text: line))
      start = end
    }
  }

  private func startOfLine(_ offset: Int) -> Int {
    var i = offset
    while i > 0, text[i - 1] != 0x0A { i -= 1 }
    return i
  }
}

/// A file's name as git writes it in the header of a diff. A name with a control character, a quote or a backslash is
/// quoted and escaped. A name with a blank gets a tab after it, from which patch tells its end.
private func headerName(_ name: String) -> String {
  let needsQuotes = name.utf8.contains {
    $0 < 0x20 || $0 == 0x7F || $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\\")
  }
  guard needsQuotes else { return name.utf8.contains(0x20) ? name + "\t" : name }
  var quoted = "\""
  for scalar in name.unicodeScalars {
    switch scalar {
    case "\"", "\\": quoted += "\\" + String(scalar)
    case "\0"..<" ", "\u{7F}":
      let digits = String(scalar.value, radix: 8)
      quoted += "\\" + String(repeating: "0", count: 3 - digits.utf8.count) + digits
    default: quoted.unicodeScalars.append(scalar)
    }
  }
  return quoted + "\""
}
