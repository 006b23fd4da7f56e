// Looks up members of mappings through aliases and merge keys, as kubectl does (sigs.k8s.io/yaml).

import YAML

/// The aliases that were followed to reach a node. To change the node changes the value of all of them.
typealias Trail = [Int]

extension YAMLTree {
  /// The value of a mapping's member, with aliases followed; `nil` if there is none, or the node is not a mapping.
  ///
  /// A merge key (`<<`, YAML 1.1) takes precedence over the members before it, and the members after it over the merge
  /// key.
  func member(_ name: String, of mapping: Int, _ trail: inout Trail) -> Int? {
    guard nodes[mapping].kind == .mapping else { return nil }
    var found: (node: Int, trail: Trail)?
    var key = mapping + 1
    while key < after(mapping) {
      let value = after(key)
      if isScalar(key, name) {
        found = followed(value, trail)
      } else if isMergeKey(key), let merged = merged(name, from: value, trail) {
        found = merged
      }
      key = after(value)
    }
    guard let found else { return nil }
    trail = found.trail
    return found.node
  }

  func isMergeKey(_ key: Int) -> Bool { nodes[key].style == .plain && isScalar(key, "<<") }

  /// The node itself, or the node that an alias refers to, and the trail that leads there.
  func followed(_ node: Int, _ trail: Trail) -> (node: Int, trail: Trail) {
    nodes[node].kind == .alias ? (resolved(node), trail + [node]) : (node, trail)
  }

  /// A member in the value of a merge key: a mapping, or a sequence of mappings, of which the first with that member
  /// counts.
  private func merged(_ name: String, from source: Int, _ trail: Trail) -> (node: Int, trail: Trail)? {
    var (node, trail) = followed(source, trail)
    if nodes[node].kind == .mapping {
      return member(name, of: node, &trail).map { ($0, trail) }
    }
    guard nodes[node].kind == .sequence else { return nil }
    var element = node + 1
    while element < after(node) {
      var (mapping, path) = followed(element, trail)
      if let found = member(name, of: mapping, &path) { return (found, path) }
      element = after(element)
    }
    return nil
  }

  /// Calls `body` with each member of a mapping, including the members from merge keys.
  func forEachMember(
    of mapping: Int, _ body: (_ key: Int, _ value: Int) throws(ManifestProblem) -> Void
  ) throws(ManifestProblem) {
    var key = mapping + 1
    var hasMergeKey = false
    while key < after(mapping) {
      if isMergeKey(key) { hasMergeKey = true }
      key = after(after(key))
    }
    if hasMergeKey {
      var merged = MergedMembers(tree: self)
      merged.add(mapping)
      for (key, value) in merged.members { try body(key, value) }
      return
    }
    key = mapping + 1
    while key < after(mapping) {
      let value = after(key)
      try body(key, value)
      key = after(value)
    }
  }
}

/// Collects the members of a mapping with merge keys. Of members with the same key, the last one added counts.
private struct MergedMembers {
  let tree: YAMLTree
  var members: [(key: Int, value: Int)] = []
  private var places: [ArraySlice<UInt8>: Int] = [:]

  init(tree: YAMLTree) { self.tree = tree }

  mutating func add(_ node: Int) {
    let source = tree.resolved(node)
    switch tree.nodes[source].kind {
    case .sequence:
      // The first mapping of a sequence takes precedence, so it is added last.
      var elements: [Int] = []
      var element = source + 1
      while element < tree.after(source) {
        elements.append(element)
        element = tree.after(element)
      }
      for element in elements.reversed() { add(element) }
    case .mapping:
      var key = source + 1
      while key < tree.after(source) {
        let value = tree.after(key)
        if tree.isMergeKey(key) { add(value) } else { set(key, value) }
        key = tree.after(value)
      }
    case .scalar, .alias: break
    }
  }

  private mutating func set(_ key: Int, _ value: Int) {
    let name = tree.resolved(key)
    guard tree.nodes[name].kind == .scalar else { return members.append((key, value)) }
    if let place = places[tree.value(name)] {
      members[place] = (key, value)
    } else {
      places[tree.value(name)] = members.count
      members.append((key, value))
    }
  }
}
