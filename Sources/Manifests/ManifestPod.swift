// Finds the pods in an object: by its kind, or for unknown kinds by their structure.

import JSON
import YAML

/// A pod, or a pod template, in an object. It is a class because each of its images refers to it.
public final class ManifestPod: Sendable {
  public let object: ManifestObject
  /// The JSON pointer (RFC 6901) to the pod in its object: empty for a Pod, `/spec/template` for most kinds.
  public let pointer: String
  /// Whether it was found by its structure, because the object's kind is not one of Kubernetes' own.
  public let isFoundByStructure: Bool
  /// The mapping that contains the pod's `spec`.
  let node: Int
  /// The aliases that lead to the mapping.
  let trail: Trail

  init(object: ManifestObject, pointer: String, isFoundByStructure: Bool, node: Int, trail: Trail) {
    self.object = object
    self.pointer = pointer
    self.isFoundByStructure = isFoundByStructure
    self.node = node
    self.trail = trail
  }

  /// Whether it is a Pod, not a template from which a controller makes pods.
  var isPodItself: Bool { pointer.isEmpty && !isFoundByStructure }
}

extension YAMLTree {
  /// The pods in an object. Most kinds have none.
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
    search.addPods(at: object.node, object.trail, "")
    return search.pods
  }
}

/// Searches an object of an unknown kind for pods.
private struct PodSearch {
  let tree: YAMLTree
  let object: ManifestObject
  var pods: [ManifestPod] = []

  /// Adds every mapping at or below a node whose `spec` is a pod's.
  mutating func addPods(at node: Int, _ trail: Trail, _ pointer: String) {
    switch tree.nodes[node].kind {
    case .scalar: return
    case .alias: addPods(at: tree.resolved(node), trail + [node], pointer)
    case .sequence:
      var element = node + 1
      var index = 0
      while element < tree.after(node) {
        if tree.nodes[element].kind != .scalar { addPods(at: element, trail, "\(pointer)/\(index)") }
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
          // Members from a merge key belong to the mapping itself, so they add no step to the pointer.
          let step = tree.isMergeKey(key) ? "" : "/" + pointerStep(tree.string(key))
          addPods(at: value, trail, pointer + step)
        }
        key = tree.after(value)
      }
    }
  }
}

extension YAMLTree {
  /// Whether a node has a list `containers` of mappings, at least one of them with a name and an image.
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

/// The JSON pointer (RFC 6901) to the pod in each of Kubernetes' own kinds; `nil` for other kinds.
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

/// Kinds that only describe or carry other objects, so that what looks like a pod in them is not one.
private let kindsWithoutPods: Set = ["CustomResourceDefinition", "ConfigMap", "Secret"]
