// The input and output of a KRM function, as kpt and kustomize run it: it reads a ResourceList, and writes the list
// with its items changed and with results
// (https://github.com/kubernetes-sigs/kustomize/blob/master/cmd/config/docs/api-conventions/functions-spec.md).

import Admission
import JSON
import Policy
import YAML

/// A ResourceList (config.kubernetes.io), the input of a KRM function.
public struct ResourceList: Sendable {
  public let manifest: Manifest
  private let tree: YAMLTree

  /// - Throws: `ManifestProblem` when the text is not a ResourceList, or already has results.
  public init(_ manifest: Manifest) throws(ManifestProblem) {
    var trees: [YAMLTree] = []
    var problems: [ManifestProblem] = []
    manifest.forEachDocument {
      trees.append($0)
    } report: {
      problems.append($0)
    }
    if let problem = problems.first { throw problem }
    guard let tree = trees.first, trees.count == 1, tree.string("kind", of: 0) == "ResourceList",
      tree.string("apiVersion", of: 0)?.utf8.starts(with: "config.kubernetes.io/".utf8) == true
    else {
      throw ManifestProblem(
        "not a ResourceList; expected one of config.kubernetes.io, as kpt and kustomize send it", at: 0)
    }
    self.manifest = manifest
    self.tree = tree
    if let results = tree.member("results", of: 0) {
      throw ManifestProblem("results of another function; expected none yet", at: Int(tree.nodes[results].start))
    }
    guard tree.canInsertResults else {
      throw ManifestProblem("an unusual first key; expected a plain block or JSON", at: Int(tree.nodes[1].start))
    }
  }

  /// The configuration in functionConfig: its `spec`, the text `config.yaml` in its `data`, or its whole `data` as the
  /// map `mirrors`; `nil` if it has none of these.
  public var configuration: FunctionConfiguration? {
    guard let config = tree.member("functionConfig", of: 0) else { return nil }
    if let spec = tree.member("spec", of: config), tree.nodes[spec].kind == .mapping {
      return FunctionConfiguration(source: spec, of: config, in: tree)
    }
    guard let data = tree.member("data", of: config), tree.nodes[data].kind == .mapping else { return nil }
    if let text = tree.member("config.yaml", of: data), tree.nodes[text].kind == .scalar {
      return FunctionConfiguration(name: "functionConfig (data.config.yaml)", value: tree.value(text))
    }
    return FunctionConfiguration(source: data, of: config, in: tree, asValueOf: "mirrors")
  }

  /// The function's output: the input with a preview's edits, and with results for the images that change or need
  /// attention.
  public func output(_ preview: ManifestPreview) -> [UInt8] {
    let text = manifest.text
    let insertion = Int(tree.nodes[1].start)
    var out: [UInt8] = []
    out.reserveCapacity(text.count + 64 * preview.edits.count)
    out += text[..<insertion]
    appendResults(of: preview, to: &out)
    var end = insertion
    for edit in preview.edits {
      out += text[end..<edit.range.lowerBound]
      out.append(edit.replacement)
      end = edit.range.upperBound
    }
    return out + text[end...]
  }

  /// Appends the member `results` in the style of the list. Appends nothing if there are no results.
  private func appendResults(of preview: ManifestPreview, to out: inout [UInt8]) {
    let results = preview.findings.compactMap { tree.result($0) }
    if results.isEmpty { return }
    if tree.isFlow {
      out.append("\"results\":[")
      for (i, result) in results.enumerated() { out += (i == 0 ? [] : [UInt8(ascii: ",")]) + result }
      out.append("],")
      return
    }
    let indentation = String(repeating: " ", count: tree.column(of: 1))
    out.append("results:\n")
    for result in results {
      out.append(indentation + "- ")
      out += result
      out.append("\n")
    }
    out.append(indentation)
  }
}

/// A configuration in a ResourceList.
public struct FunctionConfiguration: Sendable {
  /// The name for messages.
  public let name: String
  public let text: [UInt8]
  /// Where the text begins in functionConfig, whose lines count from 1, because it was a file of its own.
  public let origin: TextOrigin

  fileprivate init(name: String, value: ArraySlice<UInt8>) {
    self.name = name
    text = Array(value)
    origin = TextOrigin()
  }

  /// - Parameter key: a key to prepend, whose value the node becomes.
  fileprivate init(source node: Int, of config: Int, in tree: YAMLTree, asValueOf key: String? = nil) {
    name = "functionConfig"
    let (start, end) = (Int(tree.nodes[node].start), Int(tree.nodes[node].end))
    let blanks = [UInt8](repeating: 0x20, count: tree.column(of: node))
    text = (key.map { Array(($0 + ":\n").utf8) } ?? []) + blanks + tree.text[start..<end]
    let lines = tree.text[Int(tree.nodes[config].start)..<start].count { $0 == UInt8(ascii: "\n") }
    origin = TextOrigin(lines: key == nil ? lines : lines - 1, columns: -tree.column(of: config))
  }
}

extension YAMLTree {
  /// Whether the document is in flow style: written in braces.
  fileprivate var isFlow: Bool { text[Int(nodes[0].start)...].first == UInt8(ascii: "{") }

  /// Whether a member can be inserted before the first one: only blanks precede that one in its line.
  fileprivate var canInsertResults: Bool {
    let start = Int(nodes[1].start)
    return isFlow || text[(start - column(of: 1))..<start].allSatisfy { $0 == 0x20 }
  }

  /// The number of characters before a node in its line.
  fileprivate func column(of node: Int) -> Int {
    text[..<Int(nodes[node].start)].reversed().prefix { $0 != UInt8(ascii: "\n") }.count { $0 & 0xC0 != 0x80 }
  }

  /// A finding as a result in JSON; `nil` if it needs none.
  fileprivate func result(_ finding: ImageFinding) -> [UInt8]? {
    let severity: String
    switch finding.outcome.verdict {
    case .decided(.redirected): severity = finding.becomes == nil ? "warning" : "info"
    case .decided(.invalid), .decided(.noRegistry), .decided(.invalidResult): severity = "warning"
    default: return nil
    }
    if case .skippedNamespace? = finding.exception { return nil }
    let object = finding.pod.object
    let (decision, rule) = finding.words
    var text = JSONText()
    text.object { text in
      text.member("message", decision + (rule.map { ", " + $0 } ?? ""))
      text.member("severity", severity)
      text.member("resourceRef") { text in
        text.object { text in
          text.member("apiVersion", object.apiVersion)
          text.member("kind", object.kind)
          text.member("name", object.name)
          if let namespace = object.namespace { text.member("namespace", namespace) }
        }
      }
      text.member("field") { text in
        text.object { text in
          text.member("path", fieldPath(finding))
          if let image = finding.outcome.image { text.member("currentValue", image) }
          if let becomes = finding.becomes { text.member("proposedValue", becomes) }
        }
      }
      guard let path = annotation("path", of: object) else { return }
      text.member("file") { text in
        text.object { text in
          text.member("path", path)
          if let index = annotation("index", of: object).flatMap(Int.init) { text.member("index", index) }
        }
      }
    }
    return text.bytes
  }

  /// The annotation with an item's origin, under its present or its former key.
  private func annotation(_ name: String, of object: ManifestObject) -> String? {
    guard let metadata = member("metadata", of: object.node),
      let annotations = member("annotations", of: metadata)
    else { return nil }
    return string("internal.config.kubernetes.io/" + name, of: annotations)
      ?? string("config.kubernetes.io/" + name, of: annotations)
  }

  /// The path to the image in its object, such as `spec.containers[0].image`.
  private func fieldPath(_ finding: ImageFinding) -> String {
    var path = ""
    for step in finding.pointer.utf8.split(separator: slash) {
      let name = String(Substring(step))
      path += Int(name) == nil ? (path.isEmpty ? "" : ".") + name : "[" + name + "]"
    }
    return path
  }
}

private let slash = UInt8(ascii: "/")
