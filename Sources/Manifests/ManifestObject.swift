// Finds the Kubernetes objects in a document: the document itself, or the items of a list.

import YAML

/// A Kubernetes object in a manifest.
public struct ManifestObject: Sendable {
  public let apiVersion: String
  public let kind: String
  /// The namespace as written; `nil` if the object names none.
  public let namespace: String?
  /// The name, else the `generateName`, else empty.
  public let name: String
  /// The offset of the object's document, in bytes from the beginning of the manifest.
  public let document: Int
  /// The object's mapping in the document, and the aliases that lead to it if the object is an item of a list.
  let reached: ReachedNode
  /// The namespace's scalar if it is not a string: unquoted, `n` and `on` are booleans.
  let wrongNamespace: Int?
  /// The JSON pointer (RFC 6901) to the object in its document; empty for the document itself.
  public let pointer: String

  var node: Int { reached.index }

  /// Whether this is the same object of the same manifest as another.
  public func isSame(as other: ManifestObject) -> Bool { document == other.document && pointer == other.pointer }

  /// The group in `apiVersion`; empty for the core group.
  var group: Substring {
    let end = apiVersion.utf8.firstIndex(of: UInt8(ascii: "/"))
    return end.map { apiVersion[..<$0] } ?? ""
  }
}

extension YAMLTree {
  /// The objects in a document; none if it is not a mapping with a `kind`.
  public var objects: [ManifestObject] {
    var objects: [ManifestObject] = []
    if !nodes.isEmpty { addObjects(at: ReachedNode(index: 0), pointer: "", itemsOf: nil, to: &objects) }
    return objects
  }

  private func addObjects(
    at reached: ReachedNode, pointer: String, itemsOf list: (apiVersion: String, kind: String)?,
    to objects: inout [ManifestObject]
  ) {
    let node = reached.index
    guard nodes[node].kind == .mapping else { return }
    // The items of a typed list, such as a DeploymentList, may leave out `apiVersion` and `kind`.
    let kind = string("kind", of: node) ?? list?.kind ?? ""
    let apiVersion = string("apiVersion", of: node) ?? list?.apiVersion ?? ""
    if kind.hasSuffix("List"), let items = member("items", of: reached), nodes[items.index].kind == .sequence {
      let each = (apiVersion, kind == "List" ? "" : String(kind.dropLast(4)))
      for (index, item) in elements(of: items.index).enumerated() {
        addObjects(
          at: followed(item, items.aliases), pointer: "\(pointer)/items/\(index)", itemsOf: each, to: &objects)
      }
      return
    }
    guard !kind.isEmpty else { return }
    let metadata = member("metadata", of: node)
    let namespace = metadata.flatMap { member("namespace", of: $0) }
    objects.append(
      ManifestObject(
        apiVersion: apiVersion, kind: kind, namespace: namespace.flatMap { text($0) }.flatMap { $0.isEmpty ? nil : $0 },
        name: metadata.flatMap { string("name", of: $0) ?? string("generateName", of: $0) } ?? "",
        document: Int(nodes[0].start), reached: reached,
        wrongNamespace: namespace.flatMap { text($0) == nil && !isNull($0) ? $0 : nil }, pointer: pointer)
    )
  }

  /// The value of a member; `nil` if it is not a string, or empty.
  func string(_ name: String, of mapping: Int) -> String? {
    guard let node = member(name, of: mapping), let text = text(node), !text.isEmpty else { return nil }
    return text
  }
}
