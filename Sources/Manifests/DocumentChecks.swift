// What no document may have, whatever is to be done with it: mappings with a key twice, and aliases that multiply.

import JSON
import YAML

extension YAMLTree {
  /// Makes sure that a document means one thing, and that following its aliases comes to an end.
  func check() throws(ManifestProblem) {
    if hasAliases { try checkAliases() }
    for node in nodes.indices where nodes[node].kind == .mapping { try checkKeys(of: node) }
  }

  /// Refuses aliases within their own anchor, and documents that aliases make ten times larger ("billion laughs").
  private func checkAliases() throws(ManifestProblem) {
    let limit = 1_000_000 + 10 * nodes.count
    var sizes = [Int](repeating: 1, count: nodes.count)
    var open: [Int] = []
    for node in nodes.indices {
      while let last = open.last, after(last) <= node { close(open.removeLast(), &sizes, within: open.last) }
      if nodes[node].kind == .alias {
        let target = resolved(node)
        if after(target) > node { throw ManifestProblem("an alias within its own anchor", at: Int(nodes[node].start)) }
        sizes[node] = sizes[target]
      }
      open.append(node)
      if sizes[node] > limit || open.first.map({ sizes[$0] > limit }) == true {
        throw ManifestProblem("aliases that expand to more than \(limit) nodes", at: Int(nodes[node].start))
      }
    }
    while let last = open.popLast() { close(last, &sizes, within: open.last) }
    if sizes.first.map({ $0 > limit }) == true {
      throw ManifestProblem("aliases that expand to more than \(limit) nodes", at: Int(nodes[0].start))
    }
  }

  private func close(_ node: Int, _ sizes: inout [Int], within parent: Int?) {
    guard let parent else { return }
    let (sum, isTooLarge) = sizes[parent].addingReportingOverflow(sizes[node])
    sizes[parent] = isTooLarge ? .max : sum
  }

  /// Refuses a key that stands in a mapping twice: readers differ on which one counts.
  private func checkKeys(of mapping: Int) throws(ManifestProblem) {
    var key = mapping + 1
    var count = 0
    while key < after(mapping) {
      // Few keys are compared with each other; many are put into a set.
      if count == 16 { return try checkManyKeys(of: mapping) }
      var earlier = mapping + 1
      while earlier < key {
        if isSameKey(earlier, key) { throw duplicate(key) }
        earlier = after(after(earlier))
      }
      key = after(after(key))
      count += 1
    }
  }

  private func checkManyKeys(of mapping: Int) throws(ManifestProblem) {
    var seen: Set<ArraySlice<UInt8>> = []
    var key = mapping + 1
    while key < after(mapping) {
      if nodes[key].kind == .scalar, !isMergeKey(key), !seen.insert(value(key)).inserted { throw duplicate(key) }
      key = after(after(key))
    }
  }

  private func isSameKey(_ first: Int, _ second: Int) -> Bool {
    nodes[first].kind == .scalar && nodes[second].kind == .scalar && hasSameValue(first, second) && !isMergeKey(first)
  }

  private func duplicate(_ key: Int) -> ManifestProblem {
    ManifestProblem("the key \(quoted(string(key))) stands in its mapping twice", at: Int(nodes[key].start))
  }
}
