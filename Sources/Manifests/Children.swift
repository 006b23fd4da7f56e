// The children of a sequence or a mapping, in the order of the text.

import YAML

extension YAMLTree {
  /// The elements of a sequence, aliases not followed; none if the node is not a sequence.
  func elements(of sequence: Int) -> Elements {
    Elements(nodes: nodes, end: nodes[sequence].kind == .sequence ? after(sequence) : 0, position: sequence + 1)
  }

  /// The members of a mapping as they are written, merge keys among them; none if the node is not a mapping.
  func members(of mapping: Int) -> Members {
    Members(nodes: nodes, end: nodes[mapping].kind == .mapping ? after(mapping) : 0, position: mapping + 1)
  }
}

struct Elements: Sequence, IteratorProtocol {
  fileprivate let nodes: [YAMLNode]
  fileprivate let end: Int
  fileprivate var position: Int

  mutating func next() -> Int? {
    guard position < end else { return nil }
    let element = position
    position = Int(nodes[element].next)
    return element
  }
}

struct Members: Sequence, IteratorProtocol {
  fileprivate let nodes: [YAMLNode]
  fileprivate let end: Int
  fileprivate var position: Int

  mutating func next() -> (key: Int, value: Int)? {
    guard position < end else { return nil }
    let key = position
    let value = Int(nodes[key].next)
    position = Int(nodes[value].next)
    return (key, value)
  }
}
