// Edits images that anchors and aliases share: a name that is written once is edited once, and only if all its uses
// agree.

import YAML

extension Preview {
  /// Edits a document's images, and records in the findings which of them were edited.
  func edit(_ images: [WrittenImage], _ tree: YAMLTree, _ result: inout ManifestPreview) {
    guard tree.hasAliases else {
      for image in images { editScalar(usedBy: [image], tree, nil, &result) }
      return
    }
    let sharing = Sharing(tree)
    for uses in Dictionary(grouping: images, by: \.scalar).values { editScalar(usedBy: uses, tree, sharing, &result) }
  }

  /// Edits the one scalar that all these uses share.
  private func editScalar(
    usedBy uses: [WrittenImage], _ tree: YAMLTree, _ sharing: Sharing?, _ result: inout ManifestPreview
  ) {
    guard let image = uses.lazy.compactMap(\.becomes).first else { return }
    var exception: ImageFinding.Exception?
    if uses.contains(where: { $0.becomes != image }) || sharing?.areAllUses(uses) == false {
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

/// Answers where else a document with aliases uses a scalar.
private struct Sharing {
  private let tree: YAMLTree
  /// The aliases of each node that has any.
  private var aliases: [Int: [Int]] = [:]
  /// For each value of a mapping, its key; for other nodes -1.
  private var keys: [Int]
  /// For each node, the mapping or sequence around it; for the root -1.
  private var parents: [Int]

  init(_ tree: YAMLTree) {
    self.tree = tree
    keys = Array(repeating: -1, count: tree.nodes.count)
    parents = keys
    for node in tree.nodes.indices {
      if tree.nodes[node].kind == .alias { aliases[tree.resolved(node), default: []].append(node) }
      for element in tree.elements(of: node) { parents[element] = node }
      for (key, value) in tree.members(of: node) {
        parents[key] = node
        parents[value] = node
        keys[value] = key
      }
    }
  }

  /// Whether these are all uses of a scalar: no other alias leads to it, and where it is written it is an image as
  /// well.
  func areAllUses(_ uses: [WrittenImage]) -> Bool {
    let scalar = uses[0].scalar
    let followedAliases = Set(uses.flatMap(\.aliases))
    if !uses.contains(where: { $0.aliases.isEmpty }), !isImage(scalar) { return false }
    var reached = [scalar]
    var seen: Set<Int> = []
    while let node = reached.popLast() {
      // An alias to a collection around the node also leads to the node. So do aliases to a collection around that
      // alias.
      var around = node
      while around >= 0 {
        for alias in aliases[around, default: []] where seen.insert(alias).inserted {
          if followedAliases.contains(alias) {
            reached.append(alias)
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

  /// Whether an alias is the value of a merge key, in a mapping that overrides the scalar with another value.
  private func isOverridden(_ scalar: Int, mergedBy alias: Int) -> Bool {
    guard keys[alias] >= 0, tree.isMergeKey(keys[alias]), keys[scalar] >= 0 else { return false }
    let name = tree.string(keys[scalar])
    return tree.member(name, of: tree.resolved(alias)) == scalar
      && tree.member(name, of: parents[alias]) != scalar
  }
}
