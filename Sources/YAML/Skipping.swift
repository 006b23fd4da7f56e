// Passing what nobody reads.

extension YAMLParser {
  /// Passes the rest of a node whose first event was read.
  ///
  /// - Throws: `YAMLError` where the text is no YAML.
  public mutating func skip(_ event: YAMLEvent) throws(YAMLError) {
    var depth = 0
    var event = event
    while true {
      switch event.kind {
      case .mappingStart, .sequenceStart: depth += 1
      case .mappingEnd, .sequenceEnd: depth -= 1
      default: break
      }
      if depth == 0 { return }
      event = try next()
    }
  }
}
