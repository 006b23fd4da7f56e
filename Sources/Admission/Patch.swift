// A JSON patch (RFC 6902), written operation by operation, and its base64 form (RFC 4648 section 4).

import JSON

/// A JSON patch in the making.
struct Patch {
  private var bytes: [UInt8] = []

  var isEmpty: Bool { bytes.isEmpty }

  /// Replaces the value at a pointer, which exists, by a text.
  mutating func replace(_ pointer: String, with text: String) {
    begin("replace", pointer)
    bytes.appendJSONString(text)
    bytes.append("}")
  }

  /// Adds a value below a parent that exists, in place of one already there.
  ///
  /// - Parameter value: the value as JSON.
  mutating func add(_ pointer: String, _ value: [UInt8]) {
    begin("add", pointer)
    bytes += value
    bytes.append("}")
  }

  private mutating func begin(_ operation: String, _ pointer: String) {
    bytes.append(bytes.isEmpty ? "[{\"op\":\"" : ",{\"op\":\"")
    bytes.append(operation)
    bytes.append("\",\"path\":")
    bytes.appendJSONString(pointer)
    bytes.append(",\"value\":")
  }

  /// The whole patch, an array of its operations.
  var json: [UInt8] { bytes + [UInt8(ascii: "]")] }
}

extension [UInt8] {
  /// Appends bytes in base64, with padding.
  mutating func appendBase64(_ bytes: [UInt8]) {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    reserveCapacity(count + (bytes.count + 2) / 3 * 4)
    var i = 0
    while i < bytes.count {
      let second = i + 1 < bytes.count ? bytes[i + 1] : nil
      let third = i + 2 < bytes.count ? bytes[i + 2] : nil
      let group = Int(bytes[i]) << 16 | Int(second ?? 0) << 8 | Int(third ?? 0)
      append(alphabet[group >> 18])
      append(alphabet[group >> 12 & 63])
      append(second == nil ? UInt8(ascii: "=") : alphabet[group >> 6 & 63])
      append(third == nil ? UInt8(ascii: "=") : alphabet[group & 63])
      i += 3
    }
  }
}
