// A text with manifests: a file or standard input. Its documents are read one at a time, so that a problem in one does
// not affect the others, and the largest document bounds the memory.

import JSON
import YAML

/// A text with Kubernetes manifests, YAML or JSON.
public struct Manifest: Sendable {
  /// The file's name, for messages.
  public let name: String
  public let text: [UInt8]

  public init(name: String, text: [UInt8]) {
    self.name = name
    self.text = text
  }
}

/// A problem in a manifest that a person must fix.
public struct ManifestProblem: Error, Sendable {
  /// What is wrong, and the remedy.
  public let problem: String
  /// The place of the problem, in bytes from the beginning of the manifest.
  public let offset: Int

  /// Whether the text is a template. All problems of a template have the same remedy, so one report is enough.
  let isTemplate: Bool

  init(_ problem: String, at offset: Int) {
    self.problem = problem
    self.offset = offset
    isTemplate = false
  }

  private init(template problem: String, at offset: Int) {
    self.problem =
      "a template, not YAML: render it first, for instance with helm template CHART | pisw preview (" + problem + ")"
    self.offset = offset
    isTemplate = true
  }

  /// The same problem with the remedy for templates.
  var inTemplate: ManifestProblem { ManifestProblem(template: problem, at: offset) }
}

extension Manifest {
  /// Reads the documents one at a time.
  ///
  /// - Parameters:
  ///   - body: called with each document.
  ///   - report: called with the problem of each document that cannot be read.
  public func forEachDocument(_ body: (YAMLTree) -> Void, report: (ManifestProblem) -> Void) {
    forEachDocument(in: parts[...], body, report: report)
  }

  /// The same for some of the ranges in `parts`.
  func forEachDocument(
    in parts: ArraySlice<Range<Int>>, _ body: (YAMLTree) -> Void, report: (ManifestProblem) -> Void
  ) {
    if let unreadable { return report(unreadable) }
    var tree = YAMLTree(text: text)
    for part in parts {
      do throws(ManifestProblem) {
        try readDocuments(in: part, &tree, body)
      } catch {
        report(isTemplate(part) ? error.inTemplate : error)
      }
    }
  }

  /// Why the whole text cannot be read; `nil` if it can.
  private var unreadable: ManifestProblem? {
    if text.count > YAMLTree.largestText { return ManifestProblem("larger than 4 GiB", at: 0) }
    let isUTF16 = text.count > 1 && (text[0] == 0 || text[1] == 0 || text[0] &+ text[1] == 0xFD && text[0] >= 0xFE)
    return isUTF16
      ? ManifestProblem("UTF-16 or UTF-32; expected UTF-8: convert it, for instance with iconv", at: 0) : nil
  }

  private func readDocuments(
    in part: Range<Int>, _ tree: inout YAMLTree, _ body: (YAMLTree) -> Void
  ) throws(ManifestProblem) {
    var jsonFault: JSONError?
    if let start = startOfJSON(in: part) {
      let json = start..<part.upperBound
      jsonFault = faultInJSON(json)
      if jsonFault == nil { return try readJSON(json, &tree, body) }
    }
    var parser = YAMLParser(text[part])
    var isAtEnd = false
    while !isAtEnd {
      tree.removeAll()
      do throws(YAMLError) {
        isAtEnd = try !parser.readDocument(into: &tree, at: part.lowerBound)
      } catch {
        // YAML in flow style begins like JSON, so the file's name decides which error to show.
        if name.hasSuffix(".json"), let jsonFault {
          throw ManifestProblem("not valid JSON: " + jsonFault.problem, at: jsonFault.offset)
        }
        throw ManifestProblem("not valid YAML: " + error.problem, at: part.lowerBound + error.offset)
      }
      if isAtEnd { return }
      try tree.check()
      body(tree)
    }
  }

  /// Whether a part contains `{{`, as Go and Jinja templates do.
  func isTemplate(_ part: Range<Int>) -> Bool {
    var previous: UInt8 = 0
    for byte in text[part] {
      if byte == UInt8(ascii: "{"), previous == byte { return true }
      previous = byte
    }
    return false
  }
}
