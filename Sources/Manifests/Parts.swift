// Where one document ends and the next begins, told from the beginnings of lines alone.

extension Manifest {
  /// Cuts the text at its document markers: `---` and `...` at the beginning of a line end a document wherever they
  /// stand (YAML 1.1 section 4.1.2), even inside a quoted or a block scalar. Directives and comments before the first
  /// `---` belong to its document. A byte order mark is left out.
  var parts: [Range<Int>] {
    var parts: [Range<Int>] = []
    var start = 0
    var line = 0
    var hasContent = false
    while line < text.count {
      if line == start, text[line...].starts(with: [0xEF, 0xBB, 0xBF]) {
        start += 3
        line = start
      }
      let end = endOfLine(line)
      switch marker(line, end) {
      case .start:
        if hasContent { parts.append(start..<line) }
        if hasContent { start = line }
        hasContent = true
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

  /// The offset after a line, its break included.
  func endOfLine(_ line: Int) -> Int {
    var i = line
    while i < text.count, text[i] != 0x0A { i += 1 }
    return min(i + 1, text.count)
  }

  /// Whether a line is more than a comment, a directive or blanks.
  private func isContent(_ line: Int, _ end: Int) -> Bool {
    if text[line] == UInt8(ascii: "%") { return false }
    var i = line
    while i < end, text[i] <= 0x20 { i += 1 }
    return i < end && text[i] != UInt8(ascii: "#")
  }
}
