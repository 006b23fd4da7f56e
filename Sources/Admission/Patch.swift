// A JSON patch (RFC 6902), written operation by operation, and its base64 form (RFC 4648 section 4).

import JSON

/// A JSON patch in the making.
struct Patch {
  private var bytes: [UInt8] = []

  var isEmpty: Bool { bytes.isEmpty }

  /// Replaces an image, which the pod has, by another.
  mutating func replace(_ field: ImageField, with image: String) {
    begin("replace")
    bytes.append("/spec/")
    bytes.append(field.list.rawValue)
    bytes.append("/")
    bytes.append(String(field.index))
    bytes.append(field.list == .volumes ? "/image/reference\",\"value\":" : "/image\",\"value\":")
    bytes.appendJSONString(image)
    bytes.append("}")
  }

  /// Adds a value below a parent that exists, in place of one already there.
  ///
  /// - Parameters:
  ///   - pointer: a JSON pointer of ASCII without quotes and backslashes.
  ///   - value: the value as JSON.
  mutating func add(_ pointer: String, _ value: [UInt8]) {
    begin("add")
    bytes.append(pointer)
    bytes.append("\",\"value\":")
    bytes += value
    bytes.append("}")
  }

  private mutating func begin(_ operation: String) {
    if bytes.isEmpty { bytes.reserveCapacity(400) }
    bytes.append(bytes.isEmpty ? "[{\"op\":\"" : ",{\"op\":\"")
    bytes.append(operation)
    bytes.append("\",\"path\":\"")
  }

  /// The whole patch, an array of its operations; empty without any.
  var json: [UInt8] { bytes.isEmpty ? [] : bytes + [UInt8(ascii: "]")] }
}

extension [UInt8] {
  /// Appends bytes in base64, with padding.
  mutating func appendBase64(_ bytes: [UInt8]) {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
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
