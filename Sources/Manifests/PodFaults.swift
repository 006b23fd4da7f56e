// Converts a fault in a pod's review to a problem with its place in the manifest.

import JSON
import YAML

extension YAMLTree {
  /// The problem for a fault in a pod's review. Its place is the value in the manifest that caused the fault.
  func problem(_ fault: JSONError, in review: [UInt8], _ pod: ManifestPod) -> ManifestProblem {
    let pointer = jsonPointer(to: fault.offset, in: review)
    var node = pod.node
    var unused: Trail = []
    for step in pointer.utf8.split(separator: UInt8(ascii: "/")).dropFirst(2) {
      guard let next = child(String(Substring(step)), of: node, &unused) else { break }
      node = next
    }
    let place = pod.object.pointer + pod.pointer + String(Substring(pointer.utf8.dropFirst(reviewObject.utf8.count)))
    return ManifestProblem(fault.problem + ", at " + (place.isEmpty ? "the root" : place), at: Int(nodes[node].start))
  }

  private func child(_ step: String, of node: Int, _ unused: inout Trail) -> Int? {
    if nodes[node].kind == .mapping { return member(step, of: node, &unused) }
    guard nodes[node].kind == .sequence, let index = Int(step) else { return nil }
    var element = node + 1
    for _ in 0..<index where element < after(node) { element = after(element) }
    return element < after(node) ? resolved(element) : nil
  }
}

private let reviewObject = "/request/object"
