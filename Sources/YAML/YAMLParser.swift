// libyaml's parser behind a Swift type: the whole C boundary of YAML.

import CYAML

/// A parser that gives the events of a YAML text, one at a time.
@safe
public struct YAMLParser: ~Copyable {
  let parser: UnsafeMutablePointer<yaml_parser_t>
  let input: UnsafeMutableBufferPointer<UInt8>
  private var depth = 0
  /// Where the text's lines are, once a tree needs that.
  var places: Places?

  /// How many levels a text may nest. libyaml's time for a token grows with the depth.
  static let maximumDepth = 200

  public init(_ text: ArraySlice<UInt8>) {
    // libyaml keeps a pointer to the input, and the parser must not move: both live on the heap until deinit.
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

  /// The next event; after `streamEnd` there is none.
  ///
  /// - Throws: `YAMLError` where the text is no YAML. Nothing more can be read then.
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
    // The reader, which is ahead of the parser's marks, tells an offset in bytes.
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
    fault("more than \(YAMLParser.maximumDepth) levels", mark)
  }

  mutating func fault(_ problem: String, _ mark: yaml_mark_t) -> YAMLError {
    YAMLError(problem: problem, mark: YAMLMark(mark), offset: offset(of: mark))
  }

  /// Where a mark is, in bytes from the beginning of the text.
  @inline(__always)
  mutating func offset(of mark: yaml_mark_t) -> Int {
    if places == nil { places = unsafe Places(input) }
    return unsafe places!.offset(mark, in: input)
  }
}

extension YAMLMark {
  init(_ mark: yaml_mark_t) {
    self.init(line: Int(mark.line) + 1, column: Int(mark.column) + 1)
  }
}

extension YAMLEvent {
  /// The members of the union are those that libyaml fills for the event's type; strings are copied.
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
