// The namespaces for which the API server does not call the webhook: the chart's namespaceSelector excludes those with
// the skip label.

import YAML

let skipKey = "k8s-proxy-image-swapper/skip"

/// The names of such namespaces, each with the place of its label in the manifests.
public struct SkippedNamespaces: Sendable {
  private var places: [String: String] = [:]

  public init() {}

  /// The place of a namespace's skip label; `nil` if it has none.
  subscript(_ namespace: String) -> String? { places.isEmpty ? nil : places[namespace] }

  /// Adds the Namespace objects of a manifest that have the skip label.
  public mutating func add(_ manifest: Manifest) {
    // A quick exit: nearly no manifest contains the label.
    guard contains(Array("k8s-proxy-image-swapper".utf8), manifest.text) else { return }
    var lines = Lines(manifest)
    var found: [(String, String)] = []
    manifest.forEachDocument { tree in
      for object in tree.objects where object.kind == "Namespace" && object.group.isEmpty {
        guard let metadata = tree.member("metadata", of: object.node),
          let labels = tree.member("labels", of: metadata),
          let label = tree.member(skipKey, of: labels), tree.text(label) == "true"
        else { continue }
        found.append((object.name, lines.place(Int(tree.nodes[label].start)).description))
      }
    } report: { _ in
    }
    for (name, place) in found { places[name] = place }
  }
}

/// Whether a text contains certain bytes (the Boyer-Moore-Horspool algorithm).
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
