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
  /// The object's mapping in the document.
  let node: Int
  /// The namespace's scalar if it is not a string: unquoted, `n` and `on` are booleans.
  let wrongNamespace: Int?
  /// The aliases that lead to the object, if it is an item of a list.
  let trail: Trail
  /// The JSON pointer (RFC 6901) to the object in its document; empty for the document itself.
  public let pointer: String

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
    if !nodes.isEmpty { addObjects(at: 0, [], pointer: "", itemsOf: nil, to: &objects) }
    return objects
  }

  private func addObjects(
    at node: Int, _ trail: Trail, pointer: String, itemsOf list: (apiVersion: String, kind: String)?,
    to objects: inout [ManifestObject]
  ) {
    guard nodes[node].kind == .mapping else { return }
    // The items of a typed list, such as a DeploymentList, may leave out `apiVersion` and `kind`.
    let kind = string("kind", of: node) ?? list?.kind ?? ""
    let apiVersion = string("apiVersion", of: node) ?? list?.apiVersion ?? ""
    var path = trail
    if kind.hasSuffix("List"), let items = member("items", of: node, &path), nodes[items].kind == .sequence {
      let each = (apiVersion, kind == "List" ? "" : String(kind.dropLast(4)))
      var item = items + 1
      var index = 0
      while item < after(items) {
        let (mapping, trail) = followed(item, path)
        addObjects(at: mapping, trail, pointer: "\(pointer)/items/\(index)", itemsOf: each, to: &objects)
        item = after(item)
        index += 1
      }
      return
    }
    guard !kind.isEmpty else { return }
    var unused: Trail = []
    let metadata = member("metadata", of: node, &unused)
    let namespace = metadata.flatMap { member("namespace", of: $0, &unused) }
    objects.append(
      ManifestObject(
        apiVersion: apiVersion, kind: kind, namespace: namespace.flatMap { text($0) }.flatMap { $0.isEmpty ? nil : $0 },
        name: metadata.flatMap { string("name", of: $0) ?? string("generateName", of: $0) } ?? "",
        document: Int(nodes[0].start), node: node,
        wrongNamespace: namespace.flatMap { text($0) == nil && !isNull($0) ? $0 : nil }, trail: trail, pointer: pointer)
    )
  }

  /// The value of a member; `nil` if it is not a string, or empty.
  func string(_ name: String, of mapping: Int) -> String? {
    var unused: Trail = []
    guard let node = member(name, of: mapping, &unused), let text = text(node), !text.isEmpty else { return nil }
    return text
  }
}
