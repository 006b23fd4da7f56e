// Fuzzes the JSON reader: its two ways to read a text must agree, and Foundation must accept what they accept.

import Foundation
import FuzzSupport
import JSON

@_cdecl("LLVMFuzzerTestOneInput")
public func test(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let text = bytes(data, count)
  let skipped = outcome(text) { reader throws(JSONError) in try reader.skip() }
  var walk = Walk()
  let walked = outcome(text) { reader throws(JSONError) in try walk.value(&reader) }
  require(skipped == walked, "skipping and walking agree: \(skipped), \(walked)")
  switch skipped {
  case .success(let end):
    require((0...text.count).contains(end), "the value ends within the text")
    // Foundation's numbers have a limited range, JSON's do not.
    if !walk.hasLongNumber {
      let accepted = try? JSONSerialization.jsonObject(with: Data(text), options: .fragmentsAllowed)
      require(accepted != nil, "Foundation accepts what we accept")
    }
  case .failure(let error): checkError(error, in: text)
  }
  return 0
}

/// The reader's position after one way of reading, or its error.
private func outcome(
  _ text: [UInt8], _ read: (inout JSONReader) throws(JSONError) -> Void
) -> Result<Int, JSONError> {
  var reader = JSONReader(text)
  do throws(JSONError) {
    try read(&reader)
    let end = reader.offset
    try reader.finish()
    return .success(end)
  } catch {
    return .failure(error)
  }
}

/// Reads a text value by value, and checks strings and pointers.
private struct Walk {
  var hasLongNumber = false
  private var path = ""
  private var pointersLeft = 100

  mutating func value(_ reader: inout JSONReader) throws(JSONError) {
    let kind = try reader.peek()
    // Finding a pointer reads from the start, so long texts would take long.
    if pointersLeft > 0 {
      pointersLeft -= 1
      let cut = path.utf8.count > 200 ? String(decoding: path.utf8.prefix(200), as: UTF8.self) + "..." : path
      require(jsonPointer(to: reader.offset, in: reader.bytes) == cut, "the pointer leads here: \(cut)")
    }
    let outer = path
    switch kind {
    case .object:
      try reader.openObject()
      while let key = try reader.nextKey() {
        let name = check(key, reader)
        // Compares bytes, because "/" and a combining mark after it are one character in Swift.
        let step = name.replacingOccurrences(of: "~", with: "~0", options: .literal)
          .replacingOccurrences(of: "/", with: "~1", options: .literal)
        path = outer + "/" + asciiEscaped(step)
        try value(&reader)
      }
    case .array:
      try reader.openArray()
      var index = 0
      while try reader.nextElement() {
        path = outer + "/\(index)"
        try value(&reader)
        index += 1
      }
    case .string: _ = check(try reader.string(), reader)
    case .number:
      let start = reader.offset
      try reader.skip()
      if reader.offset - start > 15 || reader.bytes[start..<reader.offset].contains(where: { $0 | 0x20 == 0x65 }) {
        hasLongNumber = true
      }
    case .boolean, .null: try reader.skip()
    }
    path = outer
  }

  /// The string's contents. Foundation must read the same, and writing and reading them must not change them.
  private func check(_ string: JSONString, _ reader: JSONReader) -> String {
    let text = reader.decode(string)
    require(reader.isEqual(string, text) && reader.key(string, is: text), "a string equals its contents")
    require(reader.decodedBytes(string).elementsEqual(text.utf8), "a string is UTF-8")
    // Foundation drops a byte order mark that follows an escape.
    if string.escaped, !text.unicodeScalars.contains("\u{FEFF}") {
      let quoted = Data(reader.bytes[(string.range.lowerBound - 1)...string.range.upperBound])
      let theirs = try? JSONSerialization.jsonObject(with: quoted, options: .fragmentsAllowed) as? String
      require(theirs.map { $0.utf8.elementsEqual(text.utf8) } ?? false, "Foundation reads the same string")
    }
    require(isPrintable(asciiEscaped(text)), "an escaped string can be shown")
    for written in [Array(quoted(text).utf8), appended(text)] {
      var again = JSONReader(written)
      let same = (try? again.string()).map { again.decode($0).utf8.elementsEqual(text.utf8) } ?? false
      require(same && again.offset == written.count, "a string that is written is read as it was")
    }
    return text
  }

  private func appended(_ text: String) -> [UInt8] {
    var out: [UInt8] = []
    out.appendJSONString(text)
    return out
  }
}
