// The members of a mapping with its merge keys expanded, as kubectl does (sigs.k8s.io/yaml).

import YAML

extension YAMLTree {
  /// Calls `body` with each member of a mapping, including the members from merge keys.
  func forEachMember(
    of mapping: Int, _ body: (_ key: Int, _ value: Int) throws(ManifestProblem) -> Void
  ) throws(ManifestProblem) {
    guard members(of: mapping).contains(where: { isMergeKey($0.key) }) else {
      for (key, value) in members(of: mapping) { try body(key, value) }
      return
    }
    var merged = MergedMembers(tree: self)
    merged.add(mapping)
    for (key, value) in merged.members { try body(key, value) }
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
    // The first mapping of a sequence takes precedence, so it is added last.
    for element in tree.elements(of: source).reversed() { add(element) }
    for (key, value) in tree.members(of: source) {
      if tree.isMergeKey(key) { add(value) } else { set(key, value) }
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
