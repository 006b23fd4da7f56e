// Writes the configuration in force as a configuration file, with the place that each value comes from.

import Configuration
import Policy

extension LoadedConfiguration {
  /// This configuration as YAML. Read again, it gives the same rules. A comment after each value says where it was
  /// written.
  public var effectiveYAML: String {
    var yaml = YAMLWriter()
    if policy.mirrors.isEmpty { yaml.line("mirrors: {}", "none") } else { yaml.line("mirrors:") }
    for mirror in policy.mirrors {
      let before = replaced.filter { $0.source == mirror.source }.map { ", in place of " + $0.place.description }
      yaml.line(
        "  " + scalar(mirror.writtenSource) + ": " + scalar(mirror.target), mirror.place.description + before.joined())
    }
    if policy.ignored.isEmpty { yaml.line("ignoreimages: []", "none") } else { yaml.line("ignoreimages:") }
    for rule in policy.ignored { yaml.line("  - " + scalar(rule.text), rule.place.description) }
    yaml.write(policy.exclusions)
    yaml.line("annotateOriginal: " + (policy.annotatesOriginals ? "true" : "false"), origin(\.annotateOriginal))
    let secrets = policy.imagePullSecrets.map(scalar).joined(separator: ", ")
    yaml.line("imagePullSecrets: [" + secrets + "]", origin(\.imagePullSecrets))
    if let port = server.port { yaml.line("port: " + String(port), origin(\.port)) }
    if let path = server.certificatePath { yaml.line("tlscertpath: " + scalar(path), origin(\.certificatePath)) }
    if let path = server.keyPath { yaml.line("tlskeypath: " + scalar(path), origin(\.keyPath)) }
    return yaml.text
  }

  private func origin(_ setting: KeyPath<SettingPlaces, Place?>) -> String {
    settingPlaces[keyPath: setting]?.description ?? "the default"
  }
}

private struct YAMLWriter {
  private(set) var text = ""

  mutating func line(_ content: String, _ comment: String? = nil) {
    text += content + (comment.map { "  # " + $0 } ?? "") + "\n"
  }

  mutating func write(_ exclusions: [Exclusion]) {
    if exclusions.isEmpty { return line("exclude: {}", "none") }
    line("exclude:")
    for subject in [Exclusion.Subject.namespace, .label, .owner] {
      let entries = exclusions.filter { $0.subject == subject }
      if !entries.isEmpty { line("  " + subject.rawValue + ":") }
      if subject == .label {
        writeLabels(entries)
      } else {
        for entry in entries { line("    - " + scalar(entry.pattern), entry.place.description) }
      }
    }
  }

  /// Writes the entries of each label as one value, or as a list of several. The entries of a label are adjacent.
  private mutating func writeLabels(_ entries: [Exclusion]) {
    var rest = entries[...]
    while let first = rest.first {
      let values = rest.prefix { $0.labelKey == first.labelKey }
      rest = rest.dropFirst(values.count)
      if values.count == 1 {
        line("    " + scalar(first.labelKey) + ": " + scalar(first.pattern), first.place.description)
      } else {
        line("    " + scalar(first.labelKey) + ":")
        for value in values { line("      - " + scalar(value.pattern), value.place.description) }
      }
    }
  }
}

/// A text as a YAML scalar: plain if no YAML reader can take it for anything else, otherwise in double quotes.
private func scalar(_ text: String) -> String {
  let reservedWords = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"]
  let isPlain =
    text.utf8.first.map { isLetter($0) || $0 == UInt8(ascii: "/") } == true && text.utf8.last != UInt8(ascii: ":")
    && text.utf8.allSatisfy { isLetter($0) || ($0 >= 0x30 && $0 <= 0x39) || "-._/:@".utf8.contains($0) }
    && !reservedWords.contains(text.lowercased())
  if isPlain { return text }
  var out = "\""
  for scalar in text.unicodeScalars {
    switch scalar {
    case "\"", "\\": out += "\\" + String(scalar)
    case " "..."~": out.unicodeScalars.append(scalar)
    default:
      let digits = String(scalar.value, radix: 16)
      out += "\\U" + String(repeating: "0", count: 8 - digits.utf8.count) + digits
    }
  }
  return out + "\""
}

private func isLetter(_ byte: UInt8) -> Bool { (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7A }
