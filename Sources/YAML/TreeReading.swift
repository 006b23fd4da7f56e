// Reads whole documents: libyaml's events go directly into a tree, without a Swift string for each scalar.

import CYAML
import Glibc

extension YAMLParser {
  /// Reads the next document into an empty tree; `false` if there is none.
  ///
  /// The parser must be at the start of the text, or have read only whole documents.
  ///
  /// - Parameter offset: where the parser's text begins within the tree's text, in bytes.
  /// - Throws: `YAMLError` if the text is not valid YAML. The parser cannot be used afterwards.
  public mutating func readDocument(into tree: inout YAMLTree, at offset: Int) throws(YAMLError) -> Bool {
    var anchors: [String: Int] = [:]
    while true {
      var event = unsafe yaml_event_t()
      guard unsafe yaml_parser_parse(parser, &event) == 1 else { throw error() }
      defer { unsafe yaml_event_delete(&event) }
      switch unsafe event.type {
      case YAML_STREAM_END_EVENT, YAML_NO_EVENT: return false
      case YAML_DOCUMENT_END_EVENT: return true
      case YAML_STREAM_START_EVENT, YAML_DOCUMENT_START_EVENT: break
      default: unsafe try add(&event, to: &tree, at: offset, &anchors)
      }
    }
  }

  private mutating func add(
    _ event: inout yaml_event_t, to tree: inout YAMLTree, at offset: Int, _ anchors: inout [String: Int]
  ) throws(YAMLError) {
    let start = unsafe self.offset(of: event.start_mark) + offset
    let end = unsafe self.offset(of: event.end_mark) + offset
    switch unsafe event.type {
    case YAML_SCALAR_EVENT:
      unsafe recordAnchor(event.data.scalar.anchor, tree, &anchors)
      unsafe addScalar(&event.data.scalar, to: &tree, start, end)
    case YAML_SEQUENCE_START_EVENT:
      unsafe recordAnchor(event.data.sequence_start.anchor, tree, &anchors)
      tree.open(.sequence, tag: unsafe YAMLNode.Tag(event.data.sequence_start.tag), from: start)
    case YAML_MAPPING_START_EVENT:
      unsafe recordAnchor(event.data.mapping_start.anchor, tree, &anchors)
      tree.open(.mapping, tag: unsafe YAMLNode.Tag(event.data.mapping_start.tag), from: start)
    case YAML_ALIAS_EVENT:
      let name = unsafe String(cString: event.data.alias.anchor)
      guard let target = anchors[name] else {
        throw unsafe fault("an alias without an anchor", event.start_mark)
      }
      tree.addAlias(of: target, from: start, to: end)
    default: tree.close(at: end)
    }
    if tree.depth > YAMLParser.maximumDepth { throw unsafe tooDeep(event.start_mark) }
  }

  /// Records that an anchor names the next node.
  @inline(__always)
  private func recordAnchor(_ anchor: UnsafePointer<UInt8>?, _ tree: YAMLTree, _ anchors: inout [String: Int]) {
    guard let anchor = unsafe anchor else { return }
    let name = unsafe String(cString: anchor)
    anchors[name] = tree.nodes.count
  }

  /// Adds a scalar. If its value stands in the text unchanged, the tree refers to it there instead of copying it.
  @inline(__always)
  private func addScalar(
    _ scalar: inout yaml_event_t.__Unnamed_union_data.__Unnamed_struct_scalar, to tree: inout YAMLTree, _ start: Int,
    _ end: Int
  ) {
    let style = unsafe YAMLNode.Style(scalar.style)
    let tag = unsafe YAMLNode.Tag(scalar.tag)
    let value = unsafe UnsafeBufferPointer(start: scalar.value, count: scalar.length)
    let quotes = style == .plain ? 0 : 1
    if style != .literal, style != .folded, value.count == end - start - 2 * quotes {
      let place = start + quotes..<end - quotes
      let isSame = unsafe tree.text.withUnsafeBufferPointer { text in
        unsafe memcmp(text.baseAddress! + place.lowerBound, value.baseAddress!, value.count) == 0
      }
      if isSame { return tree.add(.scalar, style, tag, start, end, place.lowerBound, place.count, isCopied: false) }
    }
    unsafe tree.addScalar(style, tag: tag, from: start, to: end, copying: value)
  }
}

extension YAMLNode.Style {
  fileprivate init(_ style: yaml_scalar_style_t) {
    switch style {
    case YAML_SINGLE_QUOTED_SCALAR_STYLE: self = .singleQuoted
    case YAML_DOUBLE_QUOTED_SCALAR_STYLE: self = .doubleQuoted
    case YAML_LITERAL_SCALAR_STYLE: self = .literal
    case YAML_FOLDED_SCALAR_STYLE: self = .folded
    default: self = .plain
    }
  }
}

extension YAMLNode.Tag {
  fileprivate init(_ tag: UnsafeMutablePointer<UInt8>?) {
    guard let tag = unsafe tag else {
      self = .none
      return
    }
    switch unsafe String(cString: tag) {
    case "tag:yaml.org,2002:int", "tag:yaml.org,2002:float", "tag:yaml.org,2002:bool", "tag:yaml.org,2002:null":
      self = .resolved
    case "tag:yaml.org,2002:binary": self = .binary
    default: self = .string
    }
  }
}

/// Converts libyaml's marks, which count lines and code points, to byte offsets. The offsets that libyaml reports are
/// wrong after CR LF within a scalar.
struct LineOffsets {
  private var lines: [UInt32] = [0]
  private var isASCII = true
  /// The latest lookup, where counting continues. Without it, a text of one long line would take quadratic time.
  private var last = (line: 0, column: 0, offset: 0)

  init(_ text: UnsafeMutableBufferPointer<UInt8>) {
    lines.reserveCapacity(text.count / 24)
    var i = 0
    while i < text.count {
      // Skip eight bytes at a time while they are ASCII and not control characters.
      while i + 8 <= text.count {
        let word = unsafe UnsafeRawPointer(text.baseAddress! + i).loadUnaligned(as: UInt64.self)
        if (word | (word &- 0x2020_2020_2020_2020)) & 0x8080_8080_8080_8080 != 0 { break }
        i += 8
      }
      guard i < text.count else { break }
      let byte = unsafe text[i]
      i += 1
      if byte >= 0x20 && byte < 0x80 { continue }
      if byte >= 0x80 { isASCII = false }
      if unsafe isLineBreak(byte, text, i) { lines.append(UInt32(i + lineBreakRest(byte))) }
    }
  }

  /// Whether a line break ends at the character whose first byte is just before `i`. The line breaks of YAML 1.1
  /// (section 5.4) are CR LF, CR, LF, NEL, LS and PS.
  @inline(__always)
  private func isLineBreak(_ byte: UInt8, _ text: UnsafeMutableBufferPointer<UInt8>, _ i: Int) -> Bool {
    switch byte {
    case 0x0A: true
    case 0x0D: unsafe i == text.count || text[i] != 0x0A
    case 0xC2: unsafe i < text.count && text[i] == 0x85
    case 0xE2: unsafe i + 1 < text.count && text[i] == 0x80 && (text[i + 1] == 0xA8 || text[i + 1] == 0xA9)
    default: false
    }
  }

  private func lineBreakRest(_ byte: UInt8) -> Int { byte == 0xC2 ? 1 : byte == 0xE2 ? 2 : 0 }

  /// The byte offset of a mark.
  mutating func offset(_ mark: yaml_mark_t, in text: UnsafeMutableBufferPointer<UInt8>) -> Int {
    // If the text ends without a line break, libyaml reports its end as a new line.
    guard Int(mark.line) < lines.count else { return text.count }
    let line = Int(mark.line)
    let column = Int(mark.column)
    if isASCII { return Int(lines[line]) + column }
    if line != last.line || column < last.column { last = (line, 0, Int(lines[line])) }
    while last.column < column, last.offset < text.count {
      last.offset += 1
      while last.offset < text.count, unsafe text[last.offset] & 0xC0 == 0x80 { last.offset += 1 }
      last.column += 1
    }
    return last.offset
  }
}
