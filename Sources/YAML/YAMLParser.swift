// A Swift wrapper of libyaml's parser. All calls of libyaml are in this module.

import CYAML

/// Reads the events of a YAML text, one at a time.
@safe
public struct YAMLParser: ~Copyable {
  let parser: UnsafeMutablePointer<yaml_parser_t>
  let input: UnsafeMutableBufferPointer<UInt8>
  private var depth = 0
  /// Byte offsets of the text's lines; created at first use.
  var lineOffsets: LineOffsets?

  /// The deepest nesting that is accepted. libyaml's time per token grows with the depth.
  static let maximumDepth = 200

  public init(_ text: ArraySlice<UInt8>) {
    // libyaml keeps pointers to the input and to the parser itself, so both live at fixed addresses until `deinit`.
    unsafe input = .allocate(capacity: text.count)
    _ = unsafe input.initialize(from: text)
    unsafe parser = .allocate(capacity: 1)
    let initialized = unsafe yaml_parser_initialize(parser)
    precondition(initialized == 1, "out of memory")
    unsafe yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
    unsafe yaml_parser_set_input_string(parser, input.baseAddress, text.count)
  }

  deinit {
    unsafe yaml_parser_delete(parser)
    unsafe parser.deallocate()
    unsafe input.deallocate()
  }

  /// Reads the next event. `streamEnd` is the last one.
  ///
  /// - Throws: `YAMLError` if the text is not valid YAML. The parser cannot be used afterwards.
  public mutating func next() throws(YAMLError) -> YAMLEvent {
    var event = unsafe yaml_event_t()
    guard unsafe yaml_parser_parse(parser, &event) == 1 else { throw error() }
    defer { unsafe yaml_event_delete(&event) }
    let copied = unsafe YAMLEvent(event)
    switch copied.kind {
    case .mappingStart, .sequenceStart: depth += 1
    case .mappingEnd, .sequenceEnd: depth -= 1
    default: break
    }
    if depth > YAMLParser.maximumDepth { throw unsafe tooDeep(event.start_mark) }
    return copied
  }

  mutating func error() -> YAMLError {
    let problem = unsafe parser.pointee.problem.map { unsafe String(cString: $0) } ?? "out of memory"
    guard unsafe parser.pointee.error == YAML_READER_ERROR else {
      return fault(problem, unsafe parser.pointee.problem_mark)
    }
    // libyaml's reader runs ahead of the parser's marks. Its errors have only a byte offset, so count lines and columns
    // here.
    var mark = YAMLMark(line: 1, column: 1)
    let offset = unsafe min(parser.pointee.problem_offset, input.count)
    for i in 0..<offset {
      let byte = unsafe input[i]
      if byte == UInt8(ascii: "\n") {
        mark = YAMLMark(line: mark.line + 1, column: 1)
      } else if byte & 0xC0 != 0x80 {
        mark = YAMLMark(line: mark.line, column: mark.column + 1)
      }
    }
    return YAMLError(problem: problem, mark: mark, offset: offset)
  }

  mutating func tooDeep(_ mark: yaml_mark_t) -> YAMLError {
    fault("nested deeper than \(YAMLParser.maximumDepth) levels", mark)
  }

  mutating func fault(_ problem: String, _ mark: yaml_mark_t) -> YAMLError {
    YAMLError(problem: problem, mark: YAMLMark(mark), offset: offset(of: mark))
  }

  /// The byte offset of a mark from the start of the text.
  @inline(__always)
  mutating func offset(of mark: yaml_mark_t) -> Int {
    if lineOffsets == nil { lineOffsets = unsafe LineOffsets(input) }
    return unsafe lineOffsets!.offset(mark, in: input)
  }
}

extension YAMLMark {
  init(_ mark: yaml_mark_t) {
    self.init(line: Int(mark.line) + 1, column: Int(mark.column) + 1)
  }
}

extension YAMLEvent {
  /// Copies an event. libyaml fills the member of the union that belongs to the event's type.
  fileprivate init(_ event: yaml_event_t) {
    let start = unsafe YAMLMark(event.start_mark)
    switch unsafe event.type {
    case YAML_STREAM_START_EVENT: self.init(kind: .streamStart, start: start, hasTag: false)
    case YAML_DOCUMENT_START_EVENT: self.init(kind: .documentStart, start: start, hasTag: false)
    case YAML_DOCUMENT_END_EVENT: self.init(kind: .documentEnd, start: start, hasTag: false)
    case YAML_ALIAS_EVENT: self.init(kind: .alias, start: start, hasTag: false)
    case YAML_SCALAR_EVENT:
      let scalar = unsafe event.data.scalar
      let bytes = unsafe UnsafeBufferPointer(start: scalar.value, count: scalar.length)
      let kind = unsafe Kind.scalar(
        String(decoding: bytes, as: UTF8.self), isPlain: scalar.style == YAML_PLAIN_SCALAR_STYLE)
      self.init(kind: kind, start: start, hasTag: unsafe scalar.tag != nil)
    case YAML_SEQUENCE_START_EVENT:
      self.init(kind: .sequenceStart, start: start, hasTag: unsafe event.data.sequence_start.tag != nil)
    case YAML_SEQUENCE_END_EVENT: self.init(kind: .sequenceEnd, start: start, hasTag: false)
    case YAML_MAPPING_START_EVENT:
      self.init(kind: .mappingStart, start: start, hasTag: unsafe event.data.mapping_start.tag != nil)
    case YAML_MAPPING_END_EVENT: self.init(kind: .mappingEnd, start: start, hasTag: false)
    default: self.init(kind: .streamEnd, start: start, hasTag: false)
    }
  }
}
