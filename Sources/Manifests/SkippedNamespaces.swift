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
    } report: { _ in
    }
    for (name, place) in found { places[name] = place }
  }
}

/// Whether bytes stand somewhere in a text (the algorithm of Boyer, Moore and Horspool).
private func contains(_ bytes: [UInt8], _ text: [UInt8]) -> Bool {
  var steps = [Int](repeating: bytes.count, count: 256)
  for (i, byte) in bytes.dropLast().enumerated() { steps[Int(byte)] = bytes.count - 1 - i }
  var end = bytes.count - 1
  while end < text.count {
    if text[end] == bytes.last, text[end - bytes.count + 1...end] == bytes[...] { return true }
    end += steps[Int(text[end])]
  }
  return false
}
