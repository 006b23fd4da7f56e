// The grammar of RFC 8259 over bytes. Each function takes the offset at which a token or value begins, and returns the
// offset after it, or throws. None of them builds a value.

/// The offset of the next byte that is not white space.
@inline(__always)
func endOfWhitespace(_ text: Span<UInt8>, _ start: Int) -> Int {
  var i = start
  while i < text.count, text[i] <= 0x20 {
    guard text[i] == 0x20 || text[i] == 0x0A || text[i] == 0x0D || text[i] == 0x09 else { break }
    i += 1
  }
  return i
}

/// The offset of a string's closing quote. `start` is the offset after the opening one. Sets `escaped` if the string
/// contains escapes.
@inline(__always)
func endOfString(_ text: Span<UInt8>, _ start: Int, _ escaped: inout Bool) throws(JSONError) -> Int {
  var i = start
  while true {
    // Eight bytes at a time, to the first one that is a quote, a backslash, a control byte or not ASCII.
    while i <= text.count - 8 {
      let word = word(text, i)
      let quote = word ^ 0x2222_2222_2222_2222
      let backslash = word ^ 0x5C5C_5C5C_5C5C_5C5C
      let special =
        (word | (word &- 0x2020_2020_2020_2020) | ((quote &- 0x0101_0101_0101_0101) & ~quote)
          | ((backslash &- 0x0101_0101_0101_0101) & ~backslash)) & 0x8080_8080_8080_8080
      if special != 0 {
        i += special.trailingZeroBitCount >> 3
        break
      }
      i += 8
    }
    guard i < text.count else { throw JSONError("the text ends inside a string", at: text.count) }
    switch text[i] {
    case UInt8(ascii: "\""): return i
    case UInt8(ascii: "\\"):
      escaped = true
      i = try endOfEscape(text, i)
    case 0..<0x20: throw JSONError("a control byte inside a string; expected it escaped", at: i)
    case 0x80...: i = try endOfSequence(text, i)
    default: i += 1
    }
  }
}

/// Eight bytes as one little-endian word. In this form the compiler checks the bounds once and emits a single load.
@inline(__always)
func word(_ text: Span<UInt8>, _ i: Int) -> UInt64 {
  let b = text.extracting(i..<(i + 8))
  return UInt64(b[0]) | UInt64(b[1]) << 8 | UInt64(b[2]) << 16 | UInt64(b[3]) << 24
    | UInt64(b[4]) << 32 | UInt64(b[5]) << 40 | UInt64(b[6]) << 48 | UInt64(b[7]) << 56
}

/// The offset after an escape sequence that begins with the backslash at `start` (RFC 8259 section 7). Surrogates are
/// valid only in pairs.
func endOfEscape(_ text: Span<UInt8>, _ start: Int) throws(JSONError) -> Int {
  guard start + 1 < text.count else { throw JSONError("the text ends inside a string", at: text.count) }
  switch text[start + 1] {
  case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
    UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
    return start + 2
  case UInt8(ascii: "u"):
    let unit = try codeUnit(text, start)
    guard unit & 0xF800 == 0xD800 else { return start + 6 }
    guard unit < 0xDC00, start + 7 < text.count, text[start + 6] == UInt8(ascii: "\\"),
      text[start + 7] == UInt8(ascii: "u"), try codeUnit(text, start + 6) & 0xFC00 == 0xDC00
    else { throw JSONError("half of a surrogate pair; expected both halves", at: start) }
    return start + 12
  default:
    throw JSONError("an unknown escape; expected one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX", at: start)
  }
}

/// The code unit of the `\uXXXX` whose backslash is at `start`.
func codeUnit(_ text: Span<UInt8>, _ start: Int) throws(JSONError) -> UInt32 {
  var unit: UInt32 = 0
  for i in (start + 2)..<(start + 6) {
    guard i < text.count else { throw JSONError("the text ends inside a string", at: i) }
    let digit: UInt8
    switch text[i] {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = text[i] - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = text[i] - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = text[i] - UInt8(ascii: "A") + 10
    default: throw JSONError("a bad \\u escape; expected four hexadecimal digits", at: start)
    }
    unit = unit << 4 | UInt32(digit)
  }
  return unit
}

/// The offset after a UTF-8 sequence of two to four bytes. RFC 3629 forbids overlong forms and surrogates.
func endOfSequence(_ text: Span<UInt8>, _ start: Int) throws(JSONError) -> Int {
  let length: Int
  let second: ClosedRange<UInt8>
  switch text[start] {
  case 0xC2...0xDF: (length, second) = (2, 0x80...0xBF)
  case 0xE0: (length, second) = (3, 0xA0...0xBF)
  case 0xED: (length, second) = (3, 0x80...0x9F)
  case 0xE1...0xEF: (length, second) = (3, 0x80...0xBF)
  case 0xF0: (length, second) = (4, 0x90...0xBF)
  case 0xF1...0xF3: (length, second) = (4, 0x80...0xBF)
  case 0xF4: (length, second) = (4, 0x80...0x8F)
  default: throw JSONError("bytes that are not UTF-8", at: start)
  }
  guard start + length <= text.count, second.contains(text[start + 1]) else {
    throw JSONError("bytes that are not UTF-8", at: start)
  }
  for i in (start + 2)..<(start + length) where text[i] & 0xC0 != 0x80 {
    throw JSONError("bytes that are not UTF-8", at: start)
  }
  return start + length
}

/// The offset after a number (RFC 8259 section 6).
func endOfNumber(_ text: Span<UInt8>, _ start: Int) throws(JSONError) -> Int {
  var i = start
  if text[i] == UInt8(ascii: "-") { i += 1 }
  if i < text.count, text[i] == UInt8(ascii: "0") {
    i += 1
  } else {
    i = try endOfDigits(text, i)
  }
  if i < text.count, text[i] == UInt8(ascii: ".") { i = try endOfDigits(text, i + 1) }
  if i < text.count, text[i] | 0x20 == UInt8(ascii: "e") {
    i += 1
    if i < text.count, text[i] == UInt8(ascii: "+") || text[i] == UInt8(ascii: "-") { i += 1 }
    i = try endOfDigits(text, i)
  }
  return i
}

private func endOfDigits(_ text: Span<UInt8>, _ start: Int) throws(JSONError) -> Int {
  var i = start
  while i < text.count, text[i] >= UInt8(ascii: "0"), text[i] <= UInt8(ascii: "9") { i += 1 }
  if i == start { throw JSONError("a bad number; expected a digit", at: i) }
  return i
}

/// The offset after `true`, `false` or `null`.
func endOfLiteral(_ text: Span<UInt8>, _ start: Int) throws(JSONError) -> Int {
  let literal =
    switch text[start] {
    case UInt8(ascii: "t"): "true"
    case UInt8(ascii: "f"): "false"
    default: "null"
    }
  let end = start + literal.utf8.count
  guard end <= text.count, areEqual(text.extracting(start..<end), literal.utf8.span) else {
    throw JSONError("expected a JSON value", at: start)
  }
  return end
}

/// Whether two texts are the same bytes.
func areEqual(_ one: Span<UInt8>, _ other: Span<UInt8>) -> Bool {
  guard one.count == other.count else { return false }
  var i = 0
  while i <= one.count - 8 {
    if word(one, i) != word(other, i) { return false }
    i += 8
  }
  while i < one.count {
    if one[i] != other[i] { return false }
    i += 1
  }
  return true
}

/// The offset after a value of any kind, with everything inside it validated. It uses no recursion, so that deep
/// nesting cannot exhaust the stack.
///
/// - Parameter remainingDepth: the most levels that the value may nest.
func endOfValue(_ text: Span<UInt8>, _ start: Int, remainingDepth: Int) throws(JSONError) -> Int {
  var objects = InlineArray<8, UInt64>(repeating: 0)  // one bit for each level: whether it is an object
  var depth = 0
  var i = start
  var escaped = false

  nextValue: while true {
    i = endOfWhitespace(text, i)
    guard i < text.count else { throw JSONError("the text ends; expected a value", at: i) }
    switch text[i] {
    case UInt8(ascii: "\""):
      i = try endOfString(text, i + 1, &escaped) + 1
    case UInt8(ascii: "{"), UInt8(ascii: "["):
      if depth == remainingDepth { throw tooDeep(at: i) }
      let isObject = text[i] == UInt8(ascii: "{")
      let bit = UInt64(1) << UInt64(depth & 63)
      objects[depth >> 6] = isObject ? objects[depth >> 6] | bit : objects[depth >> 6] & ~bit
      depth += 1
      i = endOfWhitespace(text, i + 1)
      if i < text.count, text[i] == (isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) {
        depth -= 1
        i += 1
      } else {
        if isObject { i = try endOfKey(text, i, &escaped) }
        continue nextValue
      }
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
      i = try endOfNumber(text, i)
    case UInt8(ascii: "t"), UInt8(ascii: "f"), UInt8(ascii: "n"):
      i = try endOfLiteral(text, i)
    default:
      throw JSONError("expected a JSON value", at: i)
    }

    while depth > 0 {
      let isObject = objects[(depth - 1) >> 6] >> UInt64((depth - 1) & 63) & 1 == 1
      i = endOfWhitespace(text, i)
      guard i < text.count else { throw unclosed(isObject, at: i) }
      if text[i] == UInt8(ascii: ",") {
        i += 1
        if isObject { i = try endOfKey(text, endOfWhitespace(text, i), &escaped) }
        continue nextValue
      }
      guard text[i] == (isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) else { throw unclosed(isObject, at: i) }
      depth -= 1
      i += 1
    }
    return i
  }
}

func tooDeep(at offset: Int) -> JSONError {
  JSONError("values nest too deep; expected at most \(maximumDepth) levels", at: offset)
}

func unclosed(_ isObject: Bool, at offset: Int) -> JSONError {
  JSONError(isObject ? "expected a comma or the object's end" : "expected a comma or the array's end", at: offset)
}

/// The offset after a key and its colon. `start` is the offset of the opening quote.
@inline(__always)
private func endOfKey(_ text: Span<UInt8>, _ start: Int, _ escaped: inout Bool) throws(JSONError) -> Int {
  guard start < text.count, text[start] == UInt8(ascii: "\"") else {
    throw JSONError("expected a member's name in quotes", at: start)
  }
  return try endOfColon(text, try endOfString(text, start + 1, &escaped) + 1)
}

/// The offset after the colon that follows a key.
@inline(__always)
func endOfColon(_ text: Span<UInt8>, _ start: Int) throws(JSONError) -> Int {
  let i = endOfWhitespace(text, start)
  guard i < text.count, text[i] == UInt8(ascii: ":") else {
    throw JSONError("expected a colon after the member's name", at: i)
  }
  return i + 1
}
