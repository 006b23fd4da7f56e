// A text with manifests: one file, or what came through a pipe. It is cut into documents that are read one by one, so
// that what is wrong in one leaves the others, and memory is bounded by the largest.

import JSON
import YAML

/// A text with manifests, YAML or JSON.
public struct Manifest: Sendable {
  /// The file's name, for people.
  public let name: String
  public let text: [UInt8]

  public init(name: String, text: [UInt8]) {
    self.name = name
    self.text = text
  }
}

/// Something in a manifest that people must look at.
public struct ManifestProblem: Error, Sendable {
  /// What is wrong, and the remedy.
  public let problem: String
  /// Where, in bytes from the beginning of the manifest.
  public let offset: Int

  /// Whether the text is a template: each of its documents may then have a problem, and all have the same remedy.
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

  /// The problem, with the remedy for templates.
  var inTemplate: ManifestProblem { ManifestProblem(template: problem, at: offset) }
}

extension Manifest {
  /// Reads the documents one after the other.
  ///
  /// - Parameters:
  ///   - body: gets each document.
  ///   - report: gets what is wrong; the document is then passed.
  public func forEachDocument(_ body: (YAMLTree) -> Void, report: (ManifestProblem) -> Void) {
    forEachDocument(in: parts[...], body, report: report)
  }

  /// The same for some parts of the text.
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

  /// Why the text as a whole cannot be read.
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
        // YAML in flow style begins as JSON does.
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

  /// Whether a part has the braces of Go's or Jinja's templates.
  func isTemplate(_ part: Range<Int>) -> Bool {
    var previous: UInt8 = 0
    for byte in text[part] {
      if byte == UInt8(ascii: "{"), previous == byte { return true }
      previous = byte
    }
    return false
  }
}
