// Finds nodes in a document by name and index, through aliases and merge keys, as kubectl does (sigs.k8s.io/yaml).

import YAML

/// A node, and the aliases that were followed to reach it. To change the node changes the value of all of them.
struct ReachedNode: Sendable {
  let index: Int
  var aliases: [Int] = []
}

extension YAMLTree {
  /// The value of a mapping's member, with aliases followed; `nil` if there is none, or the node is not a mapping.
  ///
  /// A merge key (`<<`, YAML 1.1) takes precedence over the members before it, and the members after it over the merge
  /// key.
  func member(_ name: String, of mapping: ReachedNode) -> ReachedNode? {
    guard nodes[mapping.index].kind == .mapping else { return nil }
    var found: ReachedNode?
    for (key, value) in members(of: mapping.index) {
      if isScalar(key, name) {
        found = followed(value, mapping.aliases)
      } else if isMergeKey(key), let merged = merged(name, from: followed(value, mapping.aliases)) {
        found = merged
      }
    }
    return found
  }

  /// The same, for a node that is only read.
  func member(_ name: String, of mapping: Int) -> Int? { member(name, of: ReachedNode(index: mapping))?.index }

  /// An element of a sequence, with aliases followed; `nil` if there is none, or the node is not a sequence.
  func element(_ position: Int, of sequence: ReachedNode) -> ReachedNode? {
    for (i, element) in elements(of: sequence.index).enumerated() where i == position {
      return followed(element, sequence.aliases)
    }
    return nil
  }

  /// The same, for a node that is only read.
  func element(_ position: Int, of sequence: Int) -> Int? {
    element(position, of: ReachedNode(index: sequence))?.index
  }

  /// The node itself, or the node that an alias refers to.
  ///
  /// - Parameter aliases: those that were followed to reach the node.
  func followed(_ node: Int, _ aliases: [Int]) -> ReachedNode {
    nodes[node].kind == .alias
      ? ReachedNode(index: resolved(node), aliases: aliases + [node]) : ReachedNode(index: node, aliases: aliases)
  }

  func isMergeKey(_ key: Int) -> Bool { nodes[key].style == .plain && isScalar(key, "<<") }

  /// A member in the value of a merge key: a mapping, or a sequence of mappings, of which the first with that member
  /// counts.
  private func merged(_ name: String, from source: ReachedNode) -> ReachedNode? {
    if nodes[source.index].kind == .mapping { return member(name, of: source) }
    for element in elements(of: source.index) {
      if let found = member(name, of: followed(element, source.aliases)) { return found }
    }
    return nil
  }
}
