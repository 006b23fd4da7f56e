// Reads the configuration file event by event: its keys, the shape that each value must have, and the place of each.

import JSON
import Policy
import YAML

/// Reads one file into a policy, and collects its errors.
struct ConfigurationFile: ~Copyable {
  private(set) var policy = SwapPolicy()
  private(set) var server = ServerKeys()
  private(set) var settingPlaces = SettingPlaces()
  private(set) var errors: [ConfigurationErrors.Entry] = []
  private let name: String
  private let origin: TextOrigin
  private var parser: YAMLParser

  init(name: String, text: [UInt8], origin: TextOrigin) {
    self.name = name
    self.origin = origin
    parser = YAMLParser(text[...])
  }

  mutating func read() {
    do throws(YAMLError) {
      try readStream()
    } catch {
      report("not valid YAML: \(error.problem)", at: error.mark)
    }
  }

  private mutating func readStream() throws(YAMLError) {
    var documents = 0
    while true {
      let event = try parser.next()
      switch event.kind {
      case .streamStart, .documentEnd: break
      case .streamEnd: return
      case .documentStart:
        documents += 1
        if documents == 2 { report("a second document: a configuration is a single document", at: event.start) }
      default:
        if documents == 1 { try readSettings(event) } else { try parser.skip(event) }
      }
    }
  }

  private mutating func readSettings(_ event: YAMLEvent) throws(YAMLError) {
    try readMapping(event, of: "the configuration") { file, key, place, value throws(YAMLError) in
      switch key {
      case "mirrors": try file.readMirrors(value)
      case "ignoreimages":
        try file.readList(value, of: key, "an image or a pattern") { file, text, place in
          file.reportInvalidName(at: place) { file throws(InvalidName) in
            file.policy.ignored.append(try IgnoreRule(text, place: file.place(place)))
          }
        }
      case "exclude": try file.readExclusions(value)
      case "annotateOriginal":
        file.settingPlaces.annotateOriginal = file.place(place)
        try file.readAnnotateOriginal(value)
      case "imagePullSecrets":
        file.settingPlaces.imagePullSecrets = file.place(place)
        try file.readPullSecrets(value)
      case "port":
        file.settingPlaces.port = file.place(place)
        try file.readPort(value)
      case "tlscertpath":
        file.settingPlaces.certificatePath = file.place(place)
        file.server.certificatePath = try file.readPath(value, of: key)
      case "tlskeypath":
        file.settingPlaces.keyPath = file.place(place)
        file.server.keyPath = try file.readPath(value, of: key)
      default:
        try file.rejectUnknownKey(
          key, place, value,
          known: "mirrors, ignoreimages, exclude, annotateOriginal, imagePullSecrets, port, tlscertpath, tlskeypath")
      }
    }
  }

  private mutating func readMirrors(_ event: YAMLEvent) throws(YAMLError) {
    try readMapping(event, of: "mirrors") { file, source, place, value throws(YAMLError) in
      guard let target = try file.readScalar(value, "a target, host[:port][/path]") else { return }
      file.reportInvalidName(at: place) { file throws(InvalidName) in
        let mirror = try Mirror(source: source, target: target, place: file.place(place))
        if let other = file.policy.mirrors.first(where: { $0.source == mirror.source }) {
          throw InvalidName("the source \(quoted(source)) is the same as the one at \(other.place.description)")
        }
        file.policy.mirrors.append(mirror)
      }
    }
  }

  private mutating func readAnnotateOriginal(_ event: YAMLEvent) throws(YAMLError) {
    guard let text = try readScalar(event, "true or false") else { return }
    switch text {
    case "true", "false": policy.annotatesOriginals = text == "true"
    default: report("annotateOriginal must be true or false", at: event.start)
    }
  }

  private mutating func readPullSecrets(_ event: YAMLEvent) throws(YAMLError) {
    try readList(event, of: "imagePullSecrets", "the name of a secret") { file, text, place in
      if isSubdomain(text) {
        file.policy.imagePullSecrets.append(text)
      } else {
        file.report("\(quoted(text)) is not the name of a secret (a lower-case DNS subdomain)", at: place)
      }
    }
  }

  private mutating func readPort(_ event: YAMLEvent) throws(YAMLError) {
    guard let text = try readScalar(event, "a port from 1 to 65535") else { return }
    if let port = UInt16(text), port > 0 {
      server.port = port
    } else {
      report("port must be from 1 to 65535", at: event.start)
    }
  }

  private mutating func readExclusions(_ event: YAMLEvent) throws(YAMLError) {
    try readMapping(event, of: "exclude") { file, key, place, value throws(YAMLError) in
      switch key {
      case "namespaces":
        try file.readList(value, of: key, "a namespace") { file, text, place in
          file.addExclusion(.namespace, text, at: place)
        }
      case "labels":
        try file.readMapping(value, of: key) { file, label, place, value throws(YAMLError) in
          let expected = "a label's value or a list of values, \"*\" for any"
          if value.kind == .sequenceStart {
            try file.readTexts(value, of: quoted(label), expected) { file, pattern, place in
              file.addExclusion(.label, pattern, at: place, labelKey: label)
            }
          } else if let pattern = try file.readScalar(value, expected) {
            file.addExclusion(.label, pattern, at: place, labelKey: label)
          }
        }
      case "owners":
        try file.readList(value, of: key, "an owner, group/Kind") { file, text, place in
          file.addExclusion(.owner, text, at: place)
        }
      default: try file.rejectUnknownKey(key, place, value, known: "namespaces, labels, owners")
      }
    }
  }
}

extension ConfigurationFile {
  private mutating func addExclusion(
    _ subject: Exclusion.Subject, _ pattern: String, at mark: YAMLMark, labelKey: String = ""
  ) {
    policy.exclusions.append(
      Exclusion(subject: subject, labelKey: labelKey, pattern: pattern, place: place(mark)))
  }
}

// The YAML shapes of the settings. Each function consumes the whole node that begins with the given event.
extension ConfigurationFile {
  /// Reads a mapping, and calls `each` with every key, the key's place, and the event that begins the value. `null` is
  /// an empty mapping.
  private mutating func readMapping(
    _ event: YAMLEvent, of setting: String,
    each: (inout ConfigurationFile, String, YAMLMark, YAMLEvent) throws(YAMLError) -> Void
  ) throws(YAMLError) {
    if isNull(event) { return }
    guard event.kind == .mappingStart, !event.hasTag else {
      return try reject(event, "\(setting) must be a mapping (key: value)")
    }
    var seen: [String] = []
    while true {
      let keyEvent = try parser.next()
      if keyEvent.kind == .mappingEnd { return }
      guard case .scalar(let key, _) = keyEvent.kind, !keyEvent.hasTag else {
        try reject(keyEvent, "a key of \(setting) must be a text")
        try parser.skip(parser.next())
        continue
      }
      if seen.contains(key) {
        report("duplicate key \(quoted(key)); expected it once", at: keyEvent.start)
        try parser.skip(parser.next())
        continue
      }
      seen.append(key)
      try each(&self, key, keyEvent.start, try parser.next())
    }
  }

  /// Reads a list of non-empty texts. `null` is an empty list.
  private mutating func readList(
    _ event: YAMLEvent, of setting: String, _ expected: String,
    each: (inout ConfigurationFile, String, YAMLMark) -> Void
  ) throws(YAMLError) {
    try readTexts(event, of: setting, expected) { file, text, place in
      if text.isEmpty {
        file.report("an empty entry; expected \(expected)", at: place)
      } else {
        each(&file, text, place)
      }
    }
  }

  /// Reads a list of texts. `null` is an empty list.
  private mutating func readTexts(
    _ event: YAMLEvent, of setting: String, _ expected: String,
    each: (inout ConfigurationFile, String, YAMLMark) -> Void
  ) throws(YAMLError) {
    if isNull(event) { return }
    guard event.kind == .sequenceStart, !event.hasTag else {
      return try reject(event, "\(setting) must be a list")
    }
    while true {
      let element = try parser.next()
      if element.kind == .sequenceEnd { return }
      if let text = try readScalar(element, expected) { each(&self, text, element.start) }
    }
  }

  /// Reads a scalar and returns its text. Reports anything else, `null` included, and returns `nil`.
  private mutating func readScalar(_ event: YAMLEvent, _ expected: String) throws(YAMLError) -> String? {
    if case .scalar(let text, _) = event.kind, !event.hasTag, !isNull(event) { return text }
    try reject(event, "expected \(expected)")
    return nil
  }

  private mutating func readPath(_ event: YAMLEvent, of setting: String) throws(YAMLError) -> String? {
    guard let text = try readScalar(event, "a file's path") else { return nil }
    if text.isEmpty { report("\(setting) is empty: write a file's path", at: event.start) }
    return text
  }

  /// Reports a node of the wrong shape, and skips it.
  private mutating func reject(_ event: YAMLEvent, _ problem: String) throws(YAMLError) {
    if event.kind == .alias {
      report("an alias; write the value itself", at: event.start)
    } else {
      report(event.hasTag ? "a tag; leave it out" : problem, at: event.start)
    }
    try parser.skip(event)
  }

  private func isNull(_ event: YAMLEvent) -> Bool {
    guard case .scalar(let text, isPlain: true) = event.kind, !event.hasTag else { return false }
    return text.isEmpty || text == "~" || text == "null" || text == "Null" || text == "NULL"
  }

  private mutating func rejectUnknownKey(
    _ key: String, _ place: YAMLMark, _ value: YAMLEvent, known: String
  ) throws(YAMLError) {
    report("unknown key \(quoted(key)); known keys are \(known)", at: place)
    try parser.skip(value)
  }

  private mutating func reportInvalidName(
    at mark: YAMLMark, _ body: (inout ConfigurationFile) throws(InvalidName) -> Void
  ) {
    do throws(InvalidName) {
      try body(&self)
    } catch {
      report(error.problem, at: mark)
    }
  }

  private mutating func report(_ problem: String, at mark: YAMLMark) {
    errors.append(.init(place: place(mark), problem: problem))
  }

  private func place(_ mark: YAMLMark) -> Place {
    .file(name, line: mark.line + origin.lines, column: mark.column + origin.columns)
  }
}

/// Whether a text is a DNS subdomain (RFC 1123), which a secret's name must be.
private func isSubdomain(_ text: String) -> Bool {
  text.utf8.count <= 253
    && text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).allSatisfy { label in
      guard let first = label.first, let last = label.last else { return false }
      return first != UInt8(ascii: "-") && last != UInt8(ascii: "-")
        && label.allSatisfy { ($0 >= 0x61 && $0 <= 0x7A) || ($0 >= 0x30 && $0 <= 0x39) || $0 == UInt8(ascii: "-") }
    }
}
