// Kubernetes objects in a document: the document itself, or the items of a list.

import YAML

/// One Kubernetes object of a document.
public struct ManifestObject: Sendable {
  public let apiVersion: String
  public let kind: String
  /// The namespace as written; `nil` where it is left to the caller, and for objects without one.
  public let namespace: String?
  /// The name, or what stands for it while there is none (`generateName`).
  public let name: String
  /// The document's place in the manifest, in bytes from its beginning.
  public let document: Int
  /// Its mapping in the document.
  let node: Int
  /// The scalar that stands for the namespace and is no text: `n` and `on` are booleans.
  let wrongNamespace: Int?
  /// The way there, for an item of a list behind an alias.
  let trail: Trail
  /// Its place in the document (RFC 6901); empty for the document itself.
  public let pointer: String

  /// Whether two objects of a manifest are one.
  public func isSame(as other: ManifestObject) -> Bool { document == other.document && pointer == other.pointer }

  /// The group of the API version: empty for the core group.
  var group: Substring {
    let end = apiVersion.utf8.firstIndex(of: UInt8(ascii: "/"))
    return end.map { apiVersion[..<$0] } ?? ""
  }
}

extension YAMLTree {
  /// The objects of a document: none if it is no mapping with a kind.
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
    // The items of a typed list, a DeploymentList for instance, may leave out what they are.
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

  /// The value of a member that is a text, and not empty.
  func string(_ name: String, of mapping: Int) -> String? {
    var unused: Trail = []
    guard let node = member(name, of: mapping, &unused), let text = text(node), !text.isEmpty else { return nil }
    return text
  }
}
