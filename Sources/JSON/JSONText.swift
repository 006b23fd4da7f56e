// Writes JSON objects and arrays member by member.

/// A JSON text under construction. Nested calls write the braces, brackets and commas.
public struct JSONText {
  public private(set) var bytes: [UInt8] = []
  private var isFirst = true

  public init() {}

  /// Writes an object; the closure writes its members.
  public mutating func object(_ members: (inout JSONText) -> Void) { nested("{", "}", members) }

  /// Writes an array; the closure writes one value for each element.
  public mutating func array<Element>(_ elements: some Sequence<Element>, _ each: (inout JSONText, Element) -> Void) {
    nested("[", "]") { text in
      for element in elements {
        text.separate()
        each(&text, element)
      }
    }
  }

  /// Writes a member; the closure writes its value.
  public mutating func member(_ name: String, _ value: (inout JSONText) -> Void) {
    separate()
    bytes.appendJSONString(name)
    bytes.append(":")
    value(&self)
  }

  /// Writes a member that is a string, or null for `nil`.
  public mutating func member(_ name: String, _ value: String?) {
    member(name) { text in
      if let value { text.bytes.appendJSONString(value) } else { text.bytes.append("null") }
    }
  }

  public mutating func member(_ name: String, _ value: Int) { member(name) { $0.bytes.append(String(value)) } }

  public mutating func member(_ name: String, _ value: Bool) {
    member(name) { $0.bytes.append(value ? "true" : "false") }
  }

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
