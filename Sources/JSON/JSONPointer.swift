// Computes JSON pointers (RFC 6901) from byte offsets. Only error messages need them, so nothing tracks them on the
// way.

/// The JSON pointer to the value at an offset, or to the innermost value around it.
///
/// The text before the offset must be the beginning of valid JSON. The pointer is printable ASCII; other characters of
/// keys are escaped as in JSON. It is cut after 200 characters.
public func jsonPointer(to offset: Int, in text: [UInt8]) -> String {
  var steps: [Step] = []
  var i = 0
  while i < offset {
    switch text[i] {
    case UInt8(ascii: "{"): steps.append(.member(key: nil))
    case UInt8(ascii: "["): steps.append(.element(index: 0))
    case UInt8(ascii: "}"), UInt8(ascii: "]"): _ = steps.popLast()
    case UInt8(ascii: ","):
      if case .element(let index)? = steps.popLast() {
        steps.append(.element(index: index + 1))
      } else {
        steps.append(.member(key: nil))
      }
    case UInt8(ascii: "\""):
      let start = i + 1
      i = start
      while i < offset, text[i] != UInt8(ascii: "\"") { i += text[i] == UInt8(ascii: "\\") ? 2 : 1 }
      if i < offset, case .member(nil)? = steps.last { steps[steps.count - 1] = .member(key: start..<i) }
    default: break
    }
    i += 1
  }

  var pointer = ""
  for step in steps {
    switch step {
    case .element(let index): pointer += "/\(index)"
    case .member(let key?):
      pointer += "/" + asciiEscaped(pointerStep(JSONReader(text).decode(JSONString(key, escaped: true))))
    case .member(nil): break
    }
    if pointer.utf8.count > 200 {
      return String(decoding: pointer.utf8.prefix(200), as: UTF8.self) + "..."
    }
  }
  return pointer
}

private enum Step {
  case member(key: Range<Int>?)
  case element(index: Int)
}

/// A member's name as a step of a JSON pointer, with `~` and `/` escaped (RFC 6901 section 3).
public func pointerStep(_ name: String) -> String {
  guard name.utf8.contains(where: { $0 == UInt8(ascii: "~") || $0 == UInt8(ascii: "/") }) else { return name }
  var step = ""
  for character in name.unicodeScalars {
    switch character {
    case "~": step += "~0"
    case "/": step += "~1"
    default: step.unicodeScalars.append(character)
    }
  }
  return step
}
