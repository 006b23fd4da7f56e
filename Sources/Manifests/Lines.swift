// Converts byte offsets in a manifest to lines and columns, for people and editors.

import JSON
import Policy

/// The lines of a manifest.
public struct Lines {
  private let manifest: Manifest
  /// The offset of each line's beginning.
  private var starts = [0]
  /// The last result. Counting continues from there, because a single line may contain a whole manifest.
  private var last = (line: 1, column: 1, offset: 0)

  public init(_ manifest: Manifest) {
    self.manifest = manifest
    for (offset, byte) in manifest.text.enumerated() where byte == 0x0A { starts.append(offset + 1) }
  }

  /// The line and column of an offset, both from 1; a column is a Unicode code point.
  public mutating func position(_ offset: Int) -> (line: Int, column: Int) {
    let line = line(at: offset)
    if line != last.line { last = (line, 1, starts[line - 1]) }
    let range = min(last.offset, offset)..<max(last.offset, offset)
    let count = manifest.text[range.clamped(to: 0..<manifest.text.count)].count { $0 & 0xC0 != 0x80 }
    last = (line, last.column + (offset < last.offset ? -count : count), offset)
    return (line, last.column)
  }

  /// The place of an offset, with the manifest's name in printable ASCII.
  public mutating func place(_ offset: Int) -> Place {
    let (line, column) = position(offset)
    return .file(asciiEscaped(manifest.name), line: line, column: column)
  }

  /// The line, from 1, that contains an offset.
  private func line(at offset: Int) -> Int {
    var (low, high) = (0, starts.count)
    while high - low > 1 {
      let middle = (low + high) / 2
      if starts[middle] <= offset { low = middle } else { high = middle }
    }
    return low + 1
  }
}
