// Patterns with `*`, which stands for any bytes, `/` included.

/// Whether the whole text matches the pattern. Time is bounded by the product of their lengths.
func isMatch(_ text: some StringProtocol, glob pattern: some StringProtocol) -> Bool {
  let text = Array(text.utf8)
  let pattern = Array(pattern.utf8)
  var t = 0
  var p = 0
  var star: (afterPattern: Int, text: Int)?  // where to take up again when what follows the last * fails
  while t < text.count {
    if p < pattern.count, pattern[p] == UInt8(ascii: "*") {
      p += 1
      star = (p, t)
    } else if p < pattern.count, pattern[p] == text[t] {
      p += 1
      t += 1
    } else if let retry = star {
      p = retry.afterPattern
      t = retry.text + 1
      star = (p, t)
    } else {
      return false
    }
  }
  return pattern[p...].allSatisfy { $0 == UInt8(ascii: "*") }
}
