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
  /// The mapping that contains the pod's `spec`, and the aliases that lead to it.
  let reached: ReachedNode

  var node: Int { reached.index }

  init(object: ManifestObject, pointer: String, isFoundByStructure: Bool, reached: ReachedNode) {
    self.object = object
    self.pointer = pointer
    self.isFoundByStructure = isFoundByStructure
    self.reached = reached
  }

  /// Whether it is a Pod, not a template from which a controller makes pods.
  var isPodItself: Bool { pointer.isEmpty && !isFoundByStructure }
}

extension YAMLTree {
  /// The pods in an object. Most kinds have none.
  public func pods(of object: ManifestObject) -> [ManifestPod] {
    if let pointer = podPointer(of: object) {
      var reached = object.reached
      for step in pointer.utf8.split(separator: UInt8(ascii: "/")) {
        guard let next = member(String(Substring(step)), of: reached) else { return [] }
        reached = next
      }
      return [ManifestPod(object: object, pointer: pointer, isFoundByStructure: false, reached: reached)]
    }
    if kindsWithoutPods.contains(object.kind) { return [] }
    var search = PodSearch(tree: self, object: object)
    search.addPods(at: object.reached, "")
    return search.pods
  }
}

/// Searches an object of an unknown kind for pods.
private struct PodSearch {
  let tree: YAMLTree
  let object: ManifestObject
  var pods: [ManifestPod] = []

  /// Adds every mapping at or below a node whose `spec` is a pod's.
  mutating func addPods(at reached: ReachedNode, _ pointer: String) {
    let (node, aliases) = (reached.index, reached.aliases)
    switch tree.nodes[node].kind {
    case .scalar: return
    case .alias: addPods(at: tree.followed(node, aliases), pointer)
    case .sequence:
      for (index, element) in tree.elements(of: node).enumerated() where tree.nodes[element].kind != .scalar {
        addPods(at: ReachedNode(index: element, aliases: aliases), "\(pointer)/\(index)")
      }
    case .mapping:
      if let spec = tree.member("spec", of: node), tree.isPodSpec(spec) {
        pods.append(ManifestPod(object: object, pointer: pointer, isFoundByStructure: true, reached: reached))
        return
      }
      for (key, value) in tree.members(of: node)
      where tree.nodes[key].kind == .scalar && tree.nodes[value].kind != .scalar {
        // Members from a merge key belong to the mapping itself, so they add no step to the pointer.
        let step = tree.isMergeKey(key) ? "" : "/" + pointerStep(tree.string(key))
        addPods(at: ReachedNode(index: value, aliases: aliases), pointer + step)
      }
    }
  }
}

extension YAMLTree {
  /// Whether a node has a list `containers` of mappings, at least one of them with a name and an image.
  fileprivate func isPodSpec(_ spec: Int) -> Bool {
    guard let containers = member("containers", of: spec) else { return false }
    var hasImage = false
    for element in elements(of: containers) {
      let container = resolved(element)
      guard nodes[container].kind == .mapping else { return false }
      hasImage = hasImage || (string("image", of: container) != nil && string("name", of: container) != nil)
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
