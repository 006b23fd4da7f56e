// Matches patterns in which `*` stands for any bytes, `/` included.

/// Whether the whole text matches the pattern. The time is at most proportional to the product of their lengths.
package func isMatch(_ text: String, glob pattern: String) -> Bool {
  isMatch(text.utf8.span, glob: pattern.utf8.span)
}

func isMatch(_ text: Span<UInt8>, glob pattern: Span<UInt8>) -> Bool {
  // A quick exit for patterns that begin with a *: the last bytes of most texts differ.
  if let last = pattern.indices.last, pattern[last] != UInt8(ascii: "*"),
    text.isEmpty || text[text.count - 1] != pattern[last]
  {
    return false
  }
  var t = 0
  var p = 0
  // Where to resume when the part after the last * does not match: in the pattern, and in the text.
  var afterStar = -1
  var retry = 0
  while t < text.count {
    if p < pattern.count, pattern[p] == UInt8(ascii: "*") {
      p += 1
      afterStar = p
      retry = t
    } else if p < pattern.count, pattern[p] == text[t] {
      p += 1
      t += 1
    } else if afterStar >= 0 {
      p = afterStar
      retry += 1
      t = retry
    } else {
      return false
    }
  }
  while p < pattern.count, pattern[p] == UInt8(ascii: "*") { p += 1 }
  return p == pattern.count
}
