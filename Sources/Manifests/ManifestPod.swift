// Where the pods of an object are: known by its kind, or found by their structure.

import JSON
import YAML

/// One pod, or the template of pods, within an object. Every image of it refers to it.
public final class ManifestPod: Sendable {
  public let object: ManifestObject
  /// Its place in the object (RFC 6901): empty for a Pod, `/spec/template` for most kinds.
  public let pointer: String
  /// Whether it was recognised by its structure: the object's kind is not one of Kubernetes' own.
  public let isFoundByStructure: Bool
  /// The mapping that has its `spec`.
  let node: Int
  let trail: Trail

  init(object: ManifestObject, pointer: String, isFoundByStructure: Bool, node: Int, trail: Trail) {
    self.object = object
    self.pointer = pointer
    self.isFoundByStructure = isFoundByStructure
    self.node = node
    self.trail = trail
  }

  /// Whether it is a Pod, and not a template that a controller makes pods of.
  var isPodItself: Bool { pointer.isEmpty && !isFoundByStructure }
}

extension YAMLTree {
  /// The pods of an object, none for most kinds.
  public func pods(of object: ManifestObject) -> [ManifestPod] {
    if let pointer = podPointer(of: object) {
      var trail = object.trail
      var node = object.node
      for step in pointer.utf8.split(separator: UInt8(ascii: "/")) {
        guard let next = member(String(Substring(step)), of: node, &trail) else { return [] }
        node = next
      }
      return [ManifestPod(object: object, pointer: pointer, isFoundByStructure: false, node: node, trail: trail)]
    }
    if kindsWithoutPods.contains(object.kind) { return [] }
    var search = PodSearch(tree: self, object: object)
    search.look(at: object.node, object.trail, "")
    return search.pods
  }
}

/// The search for pods in an object whose kind is not known.
private struct PodSearch {
  let tree: YAMLTree
  let object: ManifestObject
  var pods: [ManifestPod] = []

  /// Adds every mapping below a node whose `spec` is that of a pod.
  mutating func look(at node: Int, _ trail: Trail, _ pointer: String) {
    switch tree.nodes[node].kind {
    case .scalar: return
    case .alias: look(at: tree.resolved(node), trail + [node], pointer)
    case .sequence:
      var element = node + 1
      var index = 0
      while element < tree.after(node) {
        if tree.nodes[element].kind != .scalar { look(at: element, trail, "\(pointer)/\(index)") }
        element = tree.after(element)
        index += 1
      }
    case .mapping:
      var specTrail = trail
      if let spec = tree.member("spec", of: node, &specTrail), tree.isPodSpec(spec) {
        pods.append(
          ManifestPod(object: object, pointer: pointer, isFoundByStructure: true, node: node, trail: trail))
        return
      }
      var key = node + 1
      while key < tree.after(node) {
        let value = tree.after(key)
        if tree.nodes[key].kind == .scalar, tree.nodes[value].kind != .scalar {
          // What a merge key brings has the place of the mapping itself.
          let step = tree.isMergeKey(key) ? "" : "/" + pointerStep(tree.string(key))
          look(at: value, trail, pointer + step)
        }
        key = tree.after(value)
      }
    }
  }
}

extension YAMLTree {
  /// Whether a node has `containers`, a list of mappings, some with a name and an image.
  fileprivate func isPodSpec(_ spec: Int) -> Bool {
    var trail: Trail = []
    guard let containers = member("containers", of: spec, &trail), nodes[containers].kind == .sequence else {
      return false
    }
    var hasImage = false
    var element = containers + 1
    while element < after(containers) {
      let container = resolved(element)
      guard nodes[container].kind == .mapping else { return false }
      hasImage = hasImage || (string("image", of: container) != nil && string("name", of: container) != nil)
      element = after(element)
    }
    return hasImage
  }
}

/// Where Kubernetes' own kinds have their pod (RFC 6901); `nil` for other kinds.
private func podPointer(of object: ManifestObject) -> String? {
  switch (object.group, object.kind) {
  case ("", "Pod"): ""
  case ("", "PodTemplate"): "/template"
  case ("", "ReplicationController"), ("apps", "Deployment"), ("apps", "ReplicaSet"), ("apps", "StatefulSet"),
    ("apps", "DaemonSet"), ("extensions", "Deployment"), ("extensions", "ReplicaSet"), ("extensions", "DaemonSet"),
    ("batch", "Job"):
    "/spec/template"
  case ("batch", "CronJob"): "/spec/jobTemplate/spec/template"
  default: nil
  }
}

/// Kinds that only talk about others: a schema or a text is no pod.
private let kindsWithoutPods: Set = ["CustomResourceDefinition", "ConfigMap", "Secret"]
