// Patterns with `*`, which stands for any bytes, `/` included.

/// Whether the whole text matches the pattern. Time is bounded by the product of their lengths.
package func isMatch(_ text: String, glob pattern: String) -> Bool {
  isMatch(text.utf8.span, glob: pattern.utf8.span)
}

func isMatch(_ text: Span<UInt8>, glob pattern: Span<UInt8>) -> Bool {
  // The quick way out for most texts and a pattern that begins with a *: their last bytes differ.
  if let last = pattern.indices.last, pattern[last] != UInt8(ascii: "*"),
    text.isEmpty || text[text.count - 1] != pattern[last]
  {
    return false
  }
  var t = 0
  var p = 0
  // Where to take up again when what follows the last * fails: in the pattern after it, and in the text.
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
