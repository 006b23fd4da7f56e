// JSON for machines, written member by member.

import JSON

/// A JSON text in the making: commas and braces are set by the nesting of the calls.
struct JSONText {
  private(set) var bytes: [UInt8] = []
  private var isFirst = true

  mutating func object(_ members: (inout JSONText) -> Void) { nested("{", "}", members) }

  mutating func array<Element>(_ elements: some Sequence<Element>, _ each: (inout JSONText, Element) -> Void) {
    nested("[", "]") { text in
      for element in elements {
        text.separate()
        each(&text, element)
      }
    }
  }

  mutating func member(_ name: String, _ value: (inout JSONText) -> Void) {
    separate()
    bytes.appendJSONString(name)
    bytes.append(":")
    value(&self)
  }

  mutating func member(_ name: String, _ value: String?) {
    member(name) { text in
      if let value { text.bytes.appendJSONString(value) } else { text.bytes.append("null") }
    }
  }

  mutating func member(_ name: String, _ value: Int) { member(name) { $0.bytes.append(String(value)) } }

  mutating func member(_ name: String, _ value: Bool) { member(name) { $0.bytes.append(value ? "true" : "false") } }

  private mutating func nested(_ opening: String, _ closing: String, _ body: (inout JSONText) -> Void) {
    bytes.append(opening)
    isFirst = true
    body(&self)
    bytes.append(closing)
    isFirst = false
  }

  private mutating func separate() {
    if !isFirst { bytes.append(",") }
    isFirst = false
  }
}
