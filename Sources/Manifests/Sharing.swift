// Images that anchors and aliases share: what is written once is edited once, and only if every use agrees.

import YAML

extension Preview {
  /// Edits a document's images, and notes with the findings which of them stay.
  func edit(_ images: [WrittenImage], _ tree: YAMLTree, _ result: inout ManifestPreview) {
    guard tree.hasAliases else {
      for image in images { write([image], tree, nil, &result) }
      return
    }
    let sharing = Sharing(tree)
    for uses in Dictionary(grouping: images, by: \.scalar).values { write(uses, tree, sharing, &result) }
  }

  /// Edits one scalar for all its uses.
  private func write(
    _ uses: [WrittenImage], _ tree: YAMLTree, _ sharing: Sharing?, _ result: inout ManifestPreview
  ) {
    guard let image = uses.lazy.compactMap(\.becomes).first else { return }
    var exception: ImageFinding.Exception?
    if uses.contains(where: { $0.becomes != image }) || sharing?.isComplete(uses) == false {
      exception = .shared
    } else if let edit = tree.edit(uses[0].scalar, to: image) {
      result.edits.append(edit)
    } else {
      exception = .notEditable
    }
    for use in uses where use.becomes != nil {
      result.findings[use.finding].isEdited = exception == nil
      result.findings[use.finding].exception = exception
    }
  }
}

/// What a document with aliases shows in several places.
private struct Sharing {
  private let tree: YAMLTree
  /// The aliases of each node that has some.
  private var aliases: [Int: [Int]] = [:]
  /// The key of each mapping's value, and the collection around each node; -1 without one.
  private var keys: [Int]
  private var parents: [Int]

  init(_ tree: YAMLTree) {
    self.tree = tree
    keys = Array(repeating: -1, count: tree.nodes.count)
    parents = keys
    for node in tree.nodes.indices {
      if tree.nodes[node].kind == .alias { aliases[tree.resolved(node), default: []].append(node) }
      guard tree.nodes[node].kind == .mapping || tree.nodes[node].kind == .sequence else { continue }
      var child = node + 1
      var key = -1
      while child < tree.after(node) {
        parents[child] = node
        if tree.nodes[node].kind == .mapping {
          keys[child] = key
          key = key < 0 ? child : -1
        }
        child = tree.after(child)
      }
    }
  }

  /// Whether the uses are all that show a scalar: none is behind an alias that they did not come through, and where it
  /// is written it is an image, too.
  func isComplete(_ uses: [WrittenImage]) -> Bool {
    let scalar = uses[0].scalar
    let ways = Set(uses.flatMap(\.trail))
    if !uses.contains(where: { $0.trail.isEmpty }), !isImage(scalar) { return false }
    var shown = [scalar]
    var seen: Set<Int> = []
    while let node = shown.popLast() {
      // Whoever shows what is around it shows the node, too: an alias, and the aliases of what is around that one.
      var around = node
      while around >= 0 {
        for alias in aliases[around, default: []] where seen.insert(alias).inserted {
          if ways.contains(alias) {
            shown.append(alias)
          } else if !isOverridden(scalar, mergedBy: alias) {
            return false
          }
        }
        around = parents[around]
      }
    }
    return true
  }

  /// Whether a scalar is written as the value of a key that holds images.
  private func isImage(_ scalar: Int) -> Bool {
    let key = keys[scalar]
    return key >= 0 && (tree.isScalar(key, "image") || tree.isScalar(key, "reference"))
  }

  /// Whether an alias is a merge key's value, and the mapping there has another value for the scalar's key.
  private func isOverridden(_ scalar: Int, mergedBy alias: Int) -> Bool {
    guard keys[alias] >= 0, tree.isMergeKey(keys[alias]), keys[scalar] >= 0 else { return false }
    let name = tree.string(keys[scalar])
    var unused: Trail = []
    return tree.member(name, of: tree.resolved(alias), &unused) == scalar
      && tree.member(name, of: parents[alias], &unused) != scalar
  }
}
