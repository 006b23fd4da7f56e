// Writes a JSON patch (RFC 6902) operation by operation, and encodes bytes as base64 (RFC 4648 section 4).

import JSON

/// A JSON patch under construction.
struct Patch {
  private var bytes: [UInt8] = []

  var isEmpty: Bool { bytes.isEmpty }

  /// Adds an operation that replaces an image of the pod.
  mutating func replace(_ field: ImageField, with image: String) {
    begin()
    bytes.append("{\"op\":\"replace\",\"path\":\"/spec/")
    bytes.append(field.list.rawValue)
    bytes.append(UInt8(ascii: "/"))
    bytes.append(String(field.index))
    bytes.append(field.list == .volumes ? "/image/reference\",\"value\":" : "/image\",\"value\":")
    bytes.appendJSONString(image)
    bytes.append(UInt8(ascii: "}"))
  }

  /// Adds an operation that sets a member. The patch applies only if the member's parent exists (RFC 6902 section 4.1).
  ///
  /// - Parameters:
  ///   - pointer: a JSON pointer (RFC 6901) in ASCII, without quotes and backslashes.
  ///   - value: the value as JSON.
  mutating func add(_ pointer: String, _ value: [UInt8]) {
    begin()
    bytes.append("{\"op\":\"add\",\"path\":\"")
    bytes.append(pointer)
    bytes.append("\",\"value\":")
    bytes += value
    bytes.append(UInt8(ascii: "}"))
  }

  private mutating func begin() {
    if bytes.isEmpty { bytes.reserveCapacity(400) }
    bytes.append(bytes.isEmpty ? UInt8(ascii: "[") : UInt8(ascii: ","))
  }

  /// The patch as a JSON array of its operations; empty if there are none.
  var json: [UInt8] { bytes.isEmpty ? [] : bytes + [UInt8(ascii: "]")] }
}

extension [UInt8] {
  /// Appends bytes as base64, with padding.
  mutating func appendBase64(_ bytes: [UInt8]) {
    let bytes = bytes.span
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    let digits = alphabet.utf8.span
    append(addingCapacity: (bytes.count + 2) / 3 * 4) { out in
      var i = 0
      while i <= bytes.count - 3 {
        let three = bytes.extracting(i..<(i + 3))
        out.append(digits[Int(three[0] >> 2)])
        out.append(digits[Int(three[0] & 0x03) << 4 | Int(three[1] >> 4)])
        out.append(digits[Int(three[1] & 0x0F) << 2 | Int(three[2] >> 6)])
        out.append(digits[Int(three[2] & 0x3F)])
        i += 3
      }
      if i == bytes.count { return }
      let second = i + 1 < bytes.count ? bytes[i + 1] : 0
      out.append(digits[Int(bytes[i] >> 2)])
      out.append(digits[Int(bytes[i] & 0x03) << 4 | Int(second >> 4)])
      out.append(i + 1 < bytes.count ? digits[Int(second & 0x0F) << 2] : UInt8(ascii: "="))
      out.append(UInt8(ascii: "="))
    }
  }
}
