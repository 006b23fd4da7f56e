// Namespaces that the webhook is not called for: the chart's namespaceSelector leaves out those with the skip label.

import YAML

let skipKey = "k8s-proxy-image-swapper/skip"

/// Names of namespaces, each with the place of its label in the manifests.
public struct SkippedNamespaces: Sendable {
  private var places: [String: String] = [:]

  public init() {}

  /// The place of a namespace's label; `nil` if it has none.
  subscript(_ namespace: String) -> String? { places.isEmpty ? nil : places[namespace] }

  /// Adds the Namespace objects of a manifest that are labelled.
  public mutating func add(_ manifest: Manifest) {
    // Nearly every manifest is done with here.
    guard contains(Array("k8s-proxy-image-swapper".utf8), manifest.text) else { return }
    var lines = Lines(manifest)
    var found: [(String, String)] = []
    manifest.forEachDocument { tree in
      for object in tree.objects where object.kind == "Namespace" && object.group.isEmpty {
        var unused: Trail = []
        guard let metadata = tree.member("metadata", of: object.node, &unused),
          let labels = tree.member("labels", of: metadata, &unused),
          let label = tree.member(skipKey, of: labels, &unused), tree.text(label) == "true"
        else { continue }
        found.append((object.name, lines.place(Int(tree.nodes[label].start)).description))
      }
    } report: { _ in }
    for (name, place) in found { places[name] = place }
  }
}

/// Whether bytes stand somewhere in a text.
private func contains(_ bytes: [UInt8], _ text: [UInt8]) -> Bool {
  var i = 0
  while i + bytes.count <= text.count {
    if text[i] == bytes[0], text[i..<i + bytes.count] == bytes[...] { return true }
    i += 1
  }
  return false
}
