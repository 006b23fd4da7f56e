// A strict, lazy reader of JSON (RFC 8259). It moves forward through a text, member by member, and validates the values
// that the caller skips. It copies nothing until the caller decodes a string.
//
//   var reader = JSONReader(bytes)
//   try reader.openObject()
//   while let key = try reader.nextKey() {
//     if reader.key(key, is: "uid") { uid = try reader.string() } else { try reader.skip() }
//   }
//   try reader.finish()

/// The most levels of arrays and objects that a text may nest.
public let maximumDepth = 512

/// The kinds of JSON values, as messages name them.
public enum JSONKind: String, Sendable {
  case object = "an object"
  case array = "an array"
  case string = "a string"
  case number = "a number"
  case boolean = "a boolean"
  case null = "null"
}

/// A string within a text, not yet decoded.
public struct JSONString: Sendable {
  /// The bytes between the quotes, as offsets in the text.
  public let range: Range<Int>
  /// Whether the string contains escape sequences.
  public let escaped: Bool

  /// An empty string that belongs to no text.
  public static var none: JSONString { JSONString(0..<0, escaped: false) }

  init(_ range: Range<Int>, escaped: Bool) {
    self.range = range
    self.escaped = escaped
  }
}

/// A position in a JSON text. Copies are cheap and move independently.
public struct JSONReader: Sendable {
  /// The text.
  public let bytes: [UInt8]
  /// The reader's position, in bytes from the beginning of the text.
  public private(set) var offset: Int
  private var depth = 0
  private var expectsComma = false

  /// Creates a reader at the beginning of a text, or at a value within it that was validated before.
  public init(_ bytes: [UInt8], at offset: Int = 0) {
    self.bytes = bytes
    self.offset = offset
  }

  /// The kind of the next value, judged by its first byte.
  ///
  /// - Throws: `JSONError` where no value begins.
  public mutating func peek() throws(JSONError) -> JSONKind {
    offset = endOfWhitespace(bytes.span, offset)
    guard offset < bytes.count else { throw JSONError("the text ends; expected a value", at: offset) }
    switch bytes[offset] {
    case UInt8(ascii: "{"): return .object
    case UInt8(ascii: "["): return .array
    case UInt8(ascii: "\""): return .string
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number
    case UInt8(ascii: "t"), UInt8(ascii: "f"): return .boolean
    case UInt8(ascii: "n"): return .null
    default: throw JSONError("expected a JSON value", at: offset)
    }
  }

  /// Enters the next value, which must be an object. `nextKey` then reads its members.
  public mutating func openObject() throws(JSONError) { try open(.object) }

  /// Enters the next value, which must be an array. `nextElement` then moves to its elements.
  public mutating func openArray() throws(JSONError) { try open(.array) }

  /// Reads the next member's key, and stops before its value. At the end of the object, leaves it and returns `nil`.
  public mutating func nextKey() throws(JSONError) -> JSONString? {
    guard try advance(closing: UInt8(ascii: "}"), isObject: true) else { return nil }
    guard offset < bytes.count, bytes[offset] == UInt8(ascii: "\"") else {
      throw JSONError("expected a member's name in quotes", at: offset)
    }
    let key = try quoted()
    offset = try endOfColon(bytes.span, offset)
    expectsComma = false
    return key
  }

  /// Moves to the next element, and returns `true`. At the end of the array, leaves it and returns `false`.
  public mutating func nextElement() throws(JSONError) -> Bool {
    let found = try advance(closing: UInt8(ascii: "]"), isObject: false)
    expectsComma = !found
    return found
  }

  /// Reads the next value, which must be a string.
  public mutating func string() throws(JSONError) -> JSONString {
    try expect(.string)
    expectsComma = true
    return try quoted()
  }

  /// Reads a string from its opening quote.
  @inline(__always)
  private mutating func quoted() throws(JSONError) -> JSONString {
    let start = offset + 1
    var escaped = false
    let end = try endOfString(bytes.span, start, &escaped)
    offset = end + 1
    return JSONString(start..<end, escaped: escaped)
  }

  /// Validates and skips the next value, of any kind.
  public mutating func skip() throws(JSONError) {
    offset = try endOfValue(bytes.span, offset, remainingDepth: maximumDepth - depth)
    expectsComma = true
  }

  /// Checks that only white space follows.
  public mutating func finish() throws(JSONError) {
    offset = endOfWhitespace(bytes.span, offset)
    guard offset == bytes.count else { throw JSONError("expected nothing after the value", at: offset) }
  }

  /// Checks that the next value is of this kind.
  private mutating func expect(_ kind: JSONKind) throws(JSONError) {
    let found = try peek()
    guard found == kind else { throw JSONError("expected \(kind.rawValue), found \(found.rawValue)", at: offset) }
  }

  private mutating func open(_ kind: JSONKind) throws(JSONError) {
    try expect(kind)
    if depth == maximumDepth { throw tooDeep(at: offset) }
    depth += 1
    offset += 1
    expectsComma = false
  }

  /// Moves to the next member or element and returns `true`, or moves past the closing bracket and returns `false`.
  private mutating func advance(closing bracket: UInt8, isObject: Bool) throws(JSONError) -> Bool {
    offset = endOfWhitespace(bytes.span, offset)
    if offset < bytes.count, bytes[offset] == bracket {
      offset += 1
      depth -= 1
      expectsComma = true
      return false
    }
    guard expectsComma else { return true }
    guard offset < bytes.count, bytes[offset] == UInt8(ascii: ",") else { throw unclosed(isObject, at: offset) }
    offset = endOfWhitespace(bytes.span, offset + 1)
    return true
  }
}

extension JSONReader {
  /// Whether a key equals a name. Escapes are decoded: `"im\u0061ge"` is `image`.
  @inlinable
  public func key(_ key: JSONString, is name: String) -> Bool {
    if !key.escaped, key.range.count != name.utf8.count { return false }
    return isEqual(key, name)
  }

  /// Whether a string, with its escapes decoded, equals a text byte for byte.
  public func isEqual(_ string: JSONString, _ text: String) -> Bool {
    if string.escaped { return decode(string).utf8.elementsEqual(text.utf8) }
    return areEqual(bytes.span.extracting(string.range), text.utf8.span)
  }

  /// A string with its escapes decoded.
  public func decode(_ string: JSONString) -> String {
    guard string.escaped else { return String(decoding: bytes[string.range], as: UTF8.self) }
    return String(decoding: decodedBytes(string), as: UTF8.self)
  }

  /// A string with its escapes decoded, as UTF-8.
  public func decodedBytes(_ string: JSONString) -> [UInt8] {
    guard string.escaped else { return Array(bytes[string.range]) }
    var out: [UInt8] = []
    out.reserveCapacity(string.range.count)
    var i = string.range.lowerBound
    while i < string.range.upperBound {
      guard bytes[i] == UInt8(ascii: "\\") else {
        out.append(bytes[i])
        i += 1
        continue
      }
      switch bytes[i + 1] {
      case UInt8(ascii: "b"): out.append(0x08)
      case UInt8(ascii: "f"): out.append(0x0C)
      case UInt8(ascii: "n"): out.append(0x0A)
      case UInt8(ascii: "r"): out.append(0x0D)
      case UInt8(ascii: "t"): out.append(0x09)
      case UInt8(ascii: "u"):
        i += appendScalar(at: i, to: &out)
        continue
      default: out.append(bytes[i + 1])
      }
      i += 2
    }
    return out
  }

  /// Appends, as UTF-8, the scalar of the escape at an offset: one `\uXXXX`, or a surrogate pair of two.
  ///
  /// - Returns: the length of the escape in bytes.
  private func appendScalar(at offset: Int, to out: inout [UInt8]) -> Int {
    guard var scalar = try? codeUnit(bytes, offset) else { return 2 }
    var length = 6
    if scalar & 0xFC00 == 0xD800, let low = try? codeUnit(bytes, offset + 6) {
      scalar = 0x10000 + (scalar & 0x3FF) << 10 + low & 0x3FF
      length = 12
    }
    out.append(contentsOf: String(Unicode.Scalar(scalar) ?? "\u{FFFD}").utf8)
    return length
  }

  private func codeUnit(_ bytes: [UInt8], _ start: Int) throws(JSONError) -> UInt32 {
    try JSON.codeUnit(bytes.span, start)
  }
}
