// Skips nodes that the caller does not need.

extension YAMLParser {
  /// Skips the rest of a node whose first event has been read.
  ///
  /// - Throws: `YAMLError` if the text is not valid YAML.
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
