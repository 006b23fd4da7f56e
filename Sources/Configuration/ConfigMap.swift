// Reads a configuration from a Kubernetes ConfigMap, as the chart renders it, so that `pisw` can check what a cluster
// has.

import JSON
import Policy
import YAML

extension Configuration {
  /// Adds the configuration in a ConfigMap: the text under `data`'s key `config.yaml`, or else under its only key. If
  /// the text is a literal block (`|`), places are lines and columns of the ConfigMap; else they are those of the text,
  /// after `FILE (data.KEY)`.
  ///
  /// - Parameters:
  ///   - name: the file's name, for messages.
  ///   - text: the file's text, YAML or JSON.
  /// - Returns: whether the text is a ConfigMap (`apiVersion: v1`, `kind: ConfigMap`). If not, nothing is added.
  mutating func addConfigMap(file name: String, _ text: [UInt8]) -> Bool {
    var reader = ConfigMapReader(text)
    do throws(YAMLError) {
      try reader.read()
    } catch {
      guard reader.isConfigMap else { return false }
      add(unreadableFile: "\(name):\(error.mark.line):\(error.mark.column)", "not valid YAML: " + error.problem)
      return true
    }
    guard reader.isConfigMap else { return false }
    guard reader.documents == 1 else {
      add(unreadableFile: name, "a second document after the ConfigMap: pass the ConfigMap alone")
      return true
    }
    let named = reader.entries.filter { $0.key == "config.yaml" }
    let candidates = named.isEmpty ? reader.entries : named
    guard candidates.count == 1, let entry = candidates.first else {
      add(
        unreadableFile: name,
        "a ConfigMap whose data has \(reader.entries.count) texts; expected the key config.yaml, or a single key")
      return true
    }
    if let origin = entry.origin(in: text) {
      add(file: name, Array(entry.text.utf8), origin: origin)
    } else {
      add(file: name + " (data." + asciiEscaped(entry.key) + ")", Array(entry.text.utf8))
    }
    return true
  }
}

/// A text in a ConfigMap's `data`.
private struct ConfigMapEntry {
  let key: String
  let text: String
  /// Where the value begins.
  let mark: YAMLMark

  /// Where the value's lines are in the ConfigMap, if it is a literal block: they follow the `|`, and each is indented
  /// by the same blanks. `nil` for a value in another style.
  func origin(in file: [UInt8]) -> TextOrigin? {
    let newline = UInt8(ascii: "\n")
    let source = file.split(separator: newline, omittingEmptySubsequences: false)
    let lines = text.utf8.split(separator: newline, omittingEmptySubsequences: false)
    guard mark.line - 1 < source.count, source[mark.line - 1].dropFirst(mark.column - 1).first == UInt8(ascii: "|"),
      let first = lines.firstIndex(where: { !$0.isEmpty }), mark.line + first < source.count
    else { return nil }
    let indentation = source[mark.line + first].count - lines[first].count
    guard indentation >= 0 else { return nil }
    for (i, line) in lines.enumerated() where !line.isEmpty {
      guard mark.line + i < source.count, source[mark.line + i].dropFirst(indentation).elementsEqual(line) else {
        return nil
      }
    }
    return TextOrigin(lines: mark.line, columns: indentation)
  }
}

/// Reads `apiVersion`, `kind` and the texts in `data` of the first document, and counts the documents.
private struct ConfigMapReader: ~Copyable {
  private(set) var entries: [ConfigMapEntry] = []
  private(set) var documents = 0
  private var kind: String?
  private var version: String?
  private var parser: YAMLParser

  init(_ text: [UInt8]) { parser = YAMLParser(text[...]) }

  var isConfigMap: Bool { kind == "ConfigMap" && version == "v1" }

  mutating func read() throws(YAMLError) {
    while true {
      let event = try parser.next()
      switch event.kind {
      case .streamStart, .documentEnd: break
      case .streamEnd: return
      case .documentStart: documents += 1
      case .mappingStart where documents == 1: try readObject()
      default: try parser.skip(event)
      }
    }
  }

  private mutating func readObject() throws(YAMLError) {
    while let (key, value) = try nextMember() {
      switch (key, value.kind) {
      case ("apiVersion", .scalar(let text, _)): version = text
      case ("kind", .scalar(let text, _)): kind = text
      case ("data", .mappingStart): try readData()
      default: try parser.skip(value)
      }
    }
  }

  private mutating func readData() throws(YAMLError) {
    while let (key, value) = try nextMember() {
      if case .scalar(let text, _) = value.kind {
        entries.append(ConfigMapEntry(key: key ?? "", text: text, mark: value.start))
      } else {
        try parser.skip(value)
      }
    }
  }

  /// The next key and the event that begins its value; `nil` at the mapping's end. The key is `nil` if it is not a
  /// scalar.
  private mutating func nextMember() throws(YAMLError) -> (key: String?, value: YAMLEvent)? {
    let event = try parser.next()
    if event.kind == .mappingEnd { return nil }
    if case .scalar(let key, _) = event.kind { return (key, try parser.next()) }
    try parser.skip(event)
    return (nil, try parser.next())
  }
}
