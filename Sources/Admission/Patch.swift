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
    reserveCapacity(count + (bytes.count + 2) / 3 * 4)
    let bytes = bytes.span
    var i = 0
    while i < bytes.count {
      let second = i + 1 < bytes.count ? bytes[i + 1] : 0
      let third = i + 2 < bytes.count ? bytes[i + 2] : 0
      append(base64Digit(bytes[i] >> 2))
      append(base64Digit((bytes[i] & 3) << 4 | second >> 4))
      append(i + 1 < bytes.count ? base64Digit((second & 15) << 2 | third >> 6) : UInt8(ascii: "="))
      append(i + 2 < bytes.count ? base64Digit(third & 63) : UInt8(ascii: "="))
      i += 3
    }
  }
}

/// The digit for a number below 64.
@inline(__always)
private func base64Digit(_ value: UInt8) -> UInt8 {
  switch value {
  case 0..<26: UInt8(ascii: "A") + value
  case 26..<52: UInt8(ascii: "a") - 26 + value
  case 52..<62: value - 52 + UInt8(ascii: "0")
  case 62: UInt8(ascii: "+")
  default: UInt8(ascii: "/")
  }
}
