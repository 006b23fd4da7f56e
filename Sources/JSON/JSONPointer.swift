// JSON pointers (RFC 6901) from byte offsets: for error messages, so computed only when something is wrong.

/// The JSON pointer to the value at an offset, or to the innermost value around it.
///
/// The text before the offset must be valid JSON as far as it goes. Keys are shown in ASCII, others escaped as in
/// JSON; a pointer longer than 200 characters is cut.
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

/// A member's name as a step of a JSON pointer (RFC 6901).
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
