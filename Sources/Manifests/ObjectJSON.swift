// Writes a part of a document as the JSON that kubectl sends for it: aliases and merge keys expanded, within bounds.

import JSON
import YAML

/// The largest object as JSON, in bytes. The API server can store none that is larger.
let largestObject = 8 << 20
/// The most levels that an object may nest, fewer than the JSON reader's 512.
private let maximumObjectDepth = 400

extension YAMLTree {
  /// Appends a node as JSON.
  ///
  /// - Throws: `ManifestProblem` when the JSON would be too large or too deep, and for a value or key that JSON cannot
  ///   express.
  func appendJSON(_ node: Int, to out: inout [UInt8], depth: Int = 0) throws(ManifestProblem) {
    guard out.count <= largestObject, depth < maximumObjectDepth else {
      throw ManifestProblem(
        "larger than 8 MiB or deeper than \(maximumObjectDepth) levels, aliases expanded", at: Int(nodes[node].start))
    }
    switch nodes[node].kind {
    case .scalar where nodes[node].tag == .binary:
      throw ManifestProblem(
        "a value in base64 (!!binary); expected text: write it as it is", at: Int(nodes[node].start))
    case .scalar: appendJSON(scalar: node, to: &out)
    case .alias: try appendJSON(resolved(node), to: &out, depth: depth + 1)
    case .sequence:
      out.append(UInt8(ascii: "["))
      for element in elements(of: node) {
        if element > node + 1 { out.append(UInt8(ascii: ",")) }
        try appendJSON(element, to: &out, depth: depth + 1)
      }
      out.append(UInt8(ascii: "]"))
    case .mapping:
      out.append(UInt8(ascii: "{"))
      var isFirst = true
      try appendMembers(of: node, to: &out, depth: depth, isFirst: &isFirst) { _ in true }
      out.append(UInt8(ascii: "}"))
    }
  }

  /// Appends a mapping's members without braces.
  ///
  /// - Parameters:
  ///   - isFirst: whether no member was appended before.
  ///   - wants: whether to append the member with a key.
  func appendMembers(
    of mapping: Int, to out: inout [UInt8], depth: Int = 0, isFirst: inout Bool, where wants: (Int) -> Bool
  ) throws(ManifestProblem) {
    try forEachMember(of: mapping) { key, value throws(ManifestProblem) in
      guard wants(key) else { return }
      if !isFirst { out.append(UInt8(ascii: ",")) }
      isFirst = false
      try appendKey(key, to: &out)
      out.append(UInt8(ascii: ":"))
      try appendJSON(value, to: &out, depth: depth + 1)
    }
  }

  private func appendKey(_ key: Int, to out: inout [UInt8]) throws(ManifestProblem) {
    let scalar = resolved(key)
    guard nodes[scalar].kind == .scalar else {
      throw ManifestProblem("a key that is not a scalar", at: Int(nodes[key].start))
    }
    appendJSON(key: scalar, to: &out)
  }
}
