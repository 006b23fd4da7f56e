// The type that kubectl gives to a plain scalar: that of go-yaml v2, which follows YAML 1.1 (sigs.k8s.io/yaml).

import JSON
import YAML

extension YAMLTree {
  /// Appends a scalar as the JSON value that kubectl sends for it.
  func appendJSON(scalar: Int, to out: inout [UInt8]) {
    let node = nodes[scalar]
    let text = value(scalar)
    if node.tag == .string || node.tag == .none && node.style != .plain { return out.appendJSONString(text) }
    switch ScalarType(text) {
    case .null: out.append("null")
    case .boolean(let value): out.append(value ? "true" : "false")
    case .number(let text): out.append(text)
    case .string: out.appendJSONString(text)
    }
  }

  /// Appends a scalar as the member's name that kubectl sends for it.
  func appendJSON(key scalar: Int, to out: inout [UInt8]) {
    let start = out.count
    appendJSON(scalar: scalar, to: &out)
    guard out[start] != UInt8(ascii: "\"") else { return }
    out.insert(UInt8(ascii: "\""), at: start)
    out.append(UInt8(ascii: "\""))
  }

  /// A scalar's text, if kubectl takes it for a string; else `nil`.
  func text(_ node: Int) -> String? {
    guard nodes[node].kind == .scalar, nodes[node].tag != .binary else { return nil }
    let scalar = nodes[node]
    if scalar.tag == .string || scalar.tag == .none && scalar.style != .plain { return string(node) }
    if case .string = ScalarType(value(node)) { return string(node) }
    return nil
  }
}

/// The type of a plain scalar.
enum ScalarType {
  case null
  case boolean(Bool)
  /// The value is the number as JSON.
  case number(String)
  case string

  init(_ text: ArraySlice<UInt8>) {
    guard let first = text.first else {
      self = .null
      return
    }
    switch first {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."):
      self = decimal(text).map { .number($0) } ?? .string
    case UInt8(ascii: "y"), UInt8(ascii: "Y"), UInt8(ascii: "n"), UInt8(ascii: "N"), UInt8(ascii: "t"),
      UInt8(ascii: "T"), UInt8(ascii: "f"), UInt8(ascii: "F"), UInt8(ascii: "o"), UInt8(ascii: "O"), UInt8(ascii: "~"):
      self = text.count > 5 ? .string : ScalarType(word: String(decoding: text, as: UTF8.self))
    default: self = .string
    }
  }

  private init(word: String) {
    switch word {
    case "~", "null", "Null", "NULL": self = .null
    case "y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON": self = .boolean(true)
    case "n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF": self = .boolean(false)
    default: self = .string
    }
  }
}

/// A number as decimal JSON; `nil` if the text is not a number. As in Go, an integer may be `0x10`, `0b11`, `0o17` or
/// `017`, which is octal, and digits may have `_` between them.
private func decimal(_ text: ArraySlice<UInt8>) -> String? {
  if text.first != UInt8(ascii: "0"), text.count < 16, text.allSatisfy(isDigit) {
    return String(decoding: text, as: UTF8.self)
  }
  let digits = String(decoding: text.filter { $0 != UInt8(ascii: "_") }, as: UTF8.self)
  let isNegative = digits.utf8.first == UInt8(ascii: "-")
  let unsigned = Substring(digits.utf8.drop { $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "+") })
  guard digits.utf8.count - unsigned.utf8.count <= 1, let first = unsigned.utf8.first, first != UInt8(ascii: "_") else {
    return nil
  }
  if let integer = integer(unsigned) { return (isNegative && integer != 0 ? "-" : "") + String(integer) }
  guard unsigned.utf8.allSatisfy(isPartOfDecimal), unsigned.utf8.contains(where: isDigit),
    let value = Double(unsigned), value.isFinite
  else { return nil }
  let decimal = value == value.rounded() && value < 1e18 ? String(UInt64(value)) : String(describing: value)
  return (isNegative && value != 0 ? "-" : "") + decimal
}

private func integer(_ text: Substring) -> UInt64? {
  let digits = text.utf8
  guard digits.first == UInt8(ascii: "0"), digits.count > 1 else { return isDigit(digits.first!) ? UInt64(text) : nil }
  let rest = text.dropFirst(2)
  if rest.utf8.first.map({ $0 == UInt8(ascii: "+") || $0 == UInt8(ascii: "-") }) == true { return nil }
  switch digits.dropFirst().first! | 0x20 {
  case UInt8(ascii: "x"): return UInt64(rest, radix: 16)
  case UInt8(ascii: "b"): return UInt64(rest, radix: 2)
  case UInt8(ascii: "o"): return UInt64(rest, radix: 8)
  default: return UInt64(text.dropFirst(), radix: 8)
  }
}

private func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }

private func isPartOfDecimal(_ byte: UInt8) -> Bool {
  isDigit(byte) || byte == UInt8(ascii: ".") || byte | 0x20 == UInt8(ascii: "e") || byte == UInt8(ascii: "+")
    || byte == UInt8(ascii: "-")
}
