// Refuses documents that are ambiguous or dangerous: mappings with duplicate keys, and aliases that multiply.

import JSON
import YAML

extension YAMLTree {
  /// Checks that no mapping has a duplicate key, and that the document is of bounded size with its aliases expanded.
  func check() throws(ManifestProblem) {
    if hasAliases { try checkAliases() }
    for node in nodes.indices where nodes[node].kind == .mapping { try checkKeys(of: node) }
  }

  /// Refuses an alias within its own anchor, and a document that its aliases expand to more than ten times its nodes
  /// plus a million ("billion laughs").
  private func checkAliases() throws(ManifestProblem) {
    let limit = 1_000_000 + 10 * nodes.count
    var sizes = [Int](repeating: 1, count: nodes.count)
    var open: [Int] = []
    for node in nodes.indices {
      while let last = open.last, after(last) <= node { addSize(of: open.removeLast(), to: open.last, &sizes) }
      if nodes[node].kind == .alias {
        let target = resolved(node)
        if after(target) > node { throw ManifestProblem("an alias inside its own anchor", at: Int(nodes[node].start)) }
        sizes[node] = sizes[target]
      }
      open.append(node)
      if sizes[node] > limit || open.first.map({ sizes[$0] > limit }) == true {
        throw ManifestProblem("aliases that expand to more than \(limit) nodes", at: Int(nodes[node].start))
      }
    }
    while let last = open.popLast() { addSize(of: last, to: open.last, &sizes) }
    if sizes.first.map({ $0 > limit }) == true {
      throw ManifestProblem("aliases that expand to more than \(limit) nodes", at: Int(nodes[0].start))
    }
  }

  private func addSize(of node: Int, to parent: Int?, _ sizes: inout [Int]) {
    guard let parent else { return }
    let (sum, isTooLarge) = sizes[parent].addingReportingOverflow(sizes[node])
    sizes[parent] = isTooLarge ? .max : sum
  }

  /// Refuses duplicate keys, because readers differ on which one counts.
  private func checkKeys(of mapping: Int) throws(ManifestProblem) {
    // To compare up to 16 keys with each other costs less than a set.
    var keys = InlineArray<16, Int>(repeating: 0)
    var count = 0
    for (key, _) in members(of: mapping) {
      if count == keys.count { return try checkManyKeys(of: mapping) }
      for i in 0..<count where isSameKey(keys[i], key) { throw duplicateKey(key) }
      keys[count] = key
      count += 1
    }
  }

  private func checkManyKeys(of mapping: Int) throws(ManifestProblem) {
    var seen: Set<ArraySlice<UInt8>> = []
    for (key, _) in members(of: mapping) where nodes[key].kind == .scalar && !isMergeKey(key) {
      if !seen.insert(value(key)).inserted { throw duplicateKey(key) }
    }
  }

  private func isSameKey(_ first: Int, _ second: Int) -> Bool {
    nodes[first].kind == .scalar && nodes[second].kind == .scalar && hasSameValue(first, second) && !isMergeKey(first)
  }

  private func duplicateKey(_ key: Int) -> ManifestProblem {
    ManifestProblem("duplicate key \(quoted(string(key))); expected it once", at: Int(nodes[key].start))
  }
}
