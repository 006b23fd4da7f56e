// Splits a text into documents by the beginnings of its lines alone.

private let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]

extension Manifest {
  /// The byte ranges of the documents. `---` and `...` at the beginning of a line end a document (YAML 1.1 section
  /// 4.1.2), even inside a quoted or a block scalar. Directives and comments before the first `---` belong to its
  /// document. A byte order mark is left out at the beginning of the text, and after a bare `---`, where concatenated
  /// files have one.
  ///
  /// If `...`, or a `---` with a comment or a value behind it, separates documents, kubectl silently reads only the
  /// first one. kustomize and Helm read all of them, and so does pisw.
  var parts: [Range<Int>] {
    var parts: [Range<Int>] = []
    var start = 0
    var line = 0
    var hasContent = false
    while line < text.count {
      if line == start, text[line...].starts(with: byteOrderMark) {
        start += byteOrderMark.count
        line = start
        if line == text.count { break }
      }
      let end = endOfLine(line)
      switch marker(line, end) {
      case .start:
        if hasContent { parts.append(start..<line) }
        if hasContent { start = line }
        hasContent = true
        if text[end...].starts(with: byteOrderMark), text[(line + 3)..<end].allSatisfy({ $0 <= 0x20 }), start == line {
          start = end + byteOrderMark.count
          line = start
          continue
        }
      case .end:
        if hasContent { parts.append(start..<end) }
        start = end
        hasContent = false
      case nil:
        hasContent = hasContent || isContent(line, end)
      }
      line = end
    }
    if hasContent { parts.append(start..<text.count) }
    return parts
  }

  private enum Marker { case start, end }

  private func marker(_ line: Int, _ end: Int) -> Marker? {
    guard line + 3 <= end, text[line] == text[line + 1], text[line] == text[line + 2],
      text[line] == UInt8(ascii: "-") || text[line] == UInt8(ascii: "."),
      line + 3 == end || text[line + 3] == 0x20 || (0x09...0x0D).contains(text[line + 3])
    else { return nil }
    return text[line] == UInt8(ascii: "-") ? .start : .end
  }

  /// The offset after a line and its line break.
  func endOfLine(_ line: Int) -> Int {
    let text = text.span
    var i = line
    // Eight bytes at a time, to the first line feed.
    while i + 8 <= text.count {
      let word =
        UInt64(text[i]) | UInt64(text[i + 1]) << 8 | UInt64(text[i + 2]) << 16 | UInt64(text[i + 3]) << 24
        | UInt64(text[i + 4]) << 32 | UInt64(text[i + 5]) << 40 | UInt64(text[i + 6]) << 48 | UInt64(text[i + 7]) << 56
      let feed = word ^ 0x0A0A_0A0A_0A0A_0A0A
      let found = (feed &- 0x0101_0101_0101_0101) & ~feed & 0x8080_8080_8080_8080
      if found != 0 { return i + found.trailingZeroBitCount >> 3 + 1 }
      i += 8
    }
    while i < text.count, text[i] != 0x0A { i += 1 }
    return min(i + 1, text.count)
  }

  /// Whether a line has content: it is not a comment, a directive or blank.
  private func isContent(_ line: Int, _ end: Int) -> Bool {
    if text[line] == UInt8(ascii: "%") { return false }
    var i = line
    while i < end, text[i] <= 0x20 { i += 1 }
    return i < end && text[i] != UInt8(ascii: "#")
  }
}
