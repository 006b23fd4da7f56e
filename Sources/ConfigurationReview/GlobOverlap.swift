// Whether two patterns with `*` have a text in common.

/// Whether some text matches both patterns. Time and memory are bounded by the product of their lengths.
func overlap(_ one: String, _ other: String) -> Bool {
  let star = UInt8(ascii: "*")
  let columns = Array(other.utf8)
  // For what was read of `one` so far: after which prefixes of `other` a common beginning is possible.
  var row = [Bool](repeating: false, count: columns.count + 1)
  row[0] = true
  for j in columns.indices where columns[j] == star { row[j + 1] = row[j] }
  for byte in one.utf8 {
    var next = [Bool](repeating: false, count: row.count)
    next[0] = byte == star && row[0]
    for j in columns.indices {
      // A `*` of either matches nothing, or goes on over what the other has there.
      next[j + 1] = byte == star || columns[j] == star ? row[j + 1] || next[j] : row[j] && byte == columns[j]
    }
    row = next
  }
  return row[columns.count]
}
