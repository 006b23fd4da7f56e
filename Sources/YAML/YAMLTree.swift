// A YAML document as a tree of nodes in one array, in the order of the text. It is compact enough for files of 100 MB,
// and each node knows its byte range. A value is stored only if escapes or folding make it differ from the text.

/// One node of a document.
@frozen
public struct YAMLNode: Sendable {
  public enum Kind: UInt8, Sendable { case scalar, sequence, mapping, alias }
  public enum Style: UInt8, Sendable { case plain, singleQuoted, doubleQuoted, literal, folded }
  /// How an explicit tag changes the type of a scalar: to a string, or to what a plain scalar would resolve to
  /// (`!!int`, `!!bool` and the like). `!!binary` is text in base64.
  public enum Tag: UInt8, Sendable { case none, string, resolved, binary }

  public let kind: Kind
  public let style: Style
  public let tag: Tag
  /// Whether a scalar's value is stored in the tree's own bytes rather than in the text.
  let isCopied: Bool
  /// Where the node begins, its anchor and tag included; a byte offset in the text.
  public let start: UInt32
  /// Where it ends. A block collection ends where the next token begins.
  public internal(set) var end: UInt32
  /// The index after this node and all its descendants.
  public internal(set) var next: UInt32
  /// The offset of a scalar's value, or the index of an alias's target.
  let value: UInt32
  @usableFromInline let valueCount: UInt32
}

/// A document. Node 0 is its root. The children of a collection follow it; a mapping's keys and values alternate.
public struct YAMLTree: Sendable {
  /// The text. It may contain other documents, too.
  public let text: [UInt8]
  public private(set) var nodes: [YAMLNode] = []
  /// Whether the document contains an alias.
  public private(set) var hasAliases = false
  private var copied: [UInt8] = []
  /// The collections that are still open.
  private var open: [UInt32] = []

  /// The largest text, in bytes: offsets are 32 bits wide.
  public static let largestText = Int(UInt32.max) - 1

  public init(text: [UInt8]) {
    precondition(text.count <= YAMLTree.largestText)
    self.text = text
  }

  /// Removes the document, and keeps the memory for the next one.
  public mutating func removeAll() {
    nodes.removeAll(keepingCapacity: true)
    copied.removeAll(keepingCapacity: true)
    open.removeAll(keepingCapacity: true)
    hasAliases = false
  }
}

// Building, in the order of the text.
extension YAMLTree {
  /// How many collections are open.
  public var depth: Int { open.count }

  /// Adds a scalar whose value is a part of the text.
  public mutating func addScalar(_ style: YAMLNode.Style, from start: Int, to end: Int, value: Range<Int>) {
    add(.scalar, style, .none, start, end, value.lowerBound, value.count, isCopied: false)
  }

  /// Adds a scalar whose value differs from the text.
  public mutating func addScalar(
    _ style: YAMLNode.Style, tag: YAMLNode.Tag = .none, from start: Int, to end: Int,
    copying value: some Collection<UInt8>
  ) {
    add(.scalar, style, tag, start, end, copied.count, value.count, isCopied: true)
    copied += value
  }

  /// Opens a sequence or a mapping. Add its children next, then call `close`.
  public mutating func open(_ kind: YAMLNode.Kind, tag: YAMLNode.Tag = .none, from start: Int) {
    open.append(UInt32(nodes.count))
    add(kind, .plain, tag, start, start, 0, 0, isCopied: false)
  }

  /// Closes the collection that was opened last.
  public mutating func close(at end: Int) {
    let index = Int(open.removeLast())
    nodes[index].end = UInt32(end)
    nodes[index].next = UInt32(nodes.count)
  }

  mutating func addAlias(of target: Int, from start: Int, to end: Int) {
    add(.alias, .plain, .none, start, end, target, 0, isCopied: false)
    hasAliases = true
  }

  @inline(__always)
  mutating func add(
    _ kind: YAMLNode.Kind, _ style: YAMLNode.Style, _ tag: YAMLNode.Tag, _ start: Int, _ end: Int, _ value: Int,
    _ count: Int, isCopied: Bool
  ) {
    nodes.append(
      YAMLNode(
        kind: kind, style: style, tag: tag, isCopied: isCopied, start: UInt32(start), end: UInt32(end),
        next: UInt32(nodes.count + 1), value: UInt32(value), valueCount: UInt32(count)))
  }
}

// Reading. A node is identified by its index. The children of a collection are from the index after it up to `next`.
extension YAMLTree {
  /// The index after a node and all its descendants: its next sibling, or the end of its parent.
  @inlinable
  public func after(_ index: Int) -> Int { Int(nodes[index].next) }

  /// The target of an alias, or the node itself.
  public func resolved(_ index: Int) -> Int {
    let node = nodes[index]
    return node.kind == .alias ? Int(node.value) : index
  }

  /// A scalar's value, as bytes.
  public func value(_ index: Int) -> ArraySlice<UInt8> {
    let node = nodes[index]
    let range = Int(node.value)..<Int(node.value) + Int(node.valueCount)
    return node.isCopied ? copied[range] : text[range]
  }

  /// A scalar's value, as a string.
  public func string(_ index: Int) -> String { String(decoding: value(index), as: UTF8.self) }

  /// Whether a node is a scalar with this value.
  @inlinable
  public func isScalar(_ index: Int, _ text: String) -> Bool {
    // The length alone rules out most scalars, so compare it first.
    Int(nodes[index].valueCount) == text.utf8.count && nodes[index].kind == .scalar && hasValue(index, text)
  }

  @usableFromInline
  func hasValue(_ index: Int, _ text: String) -> Bool {
    let node = nodes[index]
    var i = Int(node.value)
    for byte in text.utf8 {
      if (node.isCopied ? copied[i] : self.text[i]) != byte { return false }
      i += 1
    }
    return true
  }

  /// Whether two scalars have the same value.
  public func hasSameValue(_ first: Int, _ second: Int) -> Bool {
    nodes[first].valueCount == nodes[second].valueCount && value(first) == value(second)
  }
}
