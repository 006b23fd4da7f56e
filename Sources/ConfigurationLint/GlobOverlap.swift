// Decides whether some text matches two patterns with `*`.

/// Whether some text matches both patterns. The time is at most proportional to the product of their lengths.
func globsOverlap(_ one: String, _ other: String) -> Bool {
  let star = UInt8(ascii: "*")
  let columns = Array(other.utf8)
  // row[j]: whether some text matches both the part of `one` read so far and the first j bytes of `other`.
  var row = [Bool](repeating: false, count: columns.count + 1)
  row[0] = true
  for j in columns.indices where columns[j] == star { row[j + 1] = row[j] }
  for byte in one.utf8 {
    var next = [Bool](repeating: false, count: row.count)
    next[0] = byte == star && row[0]
    for j in columns.indices {
      // A `*` of either pattern matches nothing, or one more byte of the other pattern.
      next[j + 1] = byte == star || columns[j] == star ? row[j + 1] || next[j] : row[j] && byte == columns[j]
    }
    row = next
  }
  return row[columns.count]
}
