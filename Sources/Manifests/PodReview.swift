// Writes the AdmissionReview that the API server would send for a pod of a manifest: a Pod as it is, or the pod that a
// controller makes from a template.

import JSON
import YAML

/// The call of the webhook that a review stands for.
public enum PodReviewCall: Sendable {
  case create
  /// `old` is the pod before the update, from the document `in`.
  case update(old: ManifestPod, in: YAMLTree)
  /// All ephemeral containers of the pod are added now.
  case addEphemeralContainers
}

extension YAMLTree {
  /// The review of a pod (admission.k8s.io/v1), as the API server sends it.
  ///
  /// - Parameters:
  ///   - pod: a pod of this document.
  ///   - call: the call of the webhook.
  ///   - namespace: the namespace of a pod whose object names none.
  /// - Returns: one line of JSON with a newline.
  /// - Throws: `ManifestProblem` when JSON cannot express the pod, or it is too large.
  public func review(
    of pod: ManifestPod, _ call: PodReviewCall = .create, namespace: String
  ) throws(ManifestProblem) -> [UInt8] {
    if let wrong = pod.object.wrongNamespace {
      let pointer = pod.object.pointer + "/metadata/namespace"
      throw ManifestProblem("expected a string; put it in quotes, at " + pointer, at: Int(nodes[wrong].start))
    }
    let namespace = pod.object.namespace ?? namespace
    var out: [UInt8] = []
    out.reserveCapacity(2048)
    out.append(reviewHead)
    if pod.isPodItself {
      if let metadata = member("metadata", of: pod.node), let name = string("name", of: metadata) {
        out.append("\"name\":")
        out.appendJSONString(name)
        out.append(",")
      }
    }
    out.append("\"namespace\":")
    out.appendJSONString(namespace)
    out.append(userInfo)
    switch call {
    case .create:
      out.append(",\"operation\":\"CREATE\",\"options\":{\"kind\":\"CreateOptions\",\"apiVersion\":\"meta.k8s.io/v1\"}")
      try appendPod(pod, namespace, as: "object", except: nil, to: &out)
      out.append(",\"oldObject\":null")
    case .update(let old, let tree):
      out.append(",\"operation\":\"UPDATE\",\"options\":{\"kind\":\"UpdateOptions\",\"apiVersion\":\"meta.k8s.io/v1\"}")
      try appendPod(pod, namespace, as: "object", except: nil, to: &out)
      try tree.appendPod(old, namespace, as: "oldObject", except: nil, to: &out)
    case .addEphemeralContainers:
      out.append(",\"subResource\":\"ephemeralcontainers\",\"requestSubResource\":\"ephemeralcontainers\"")
      out.append(",\"operation\":\"UPDATE\",\"options\":{\"kind\":\"UpdateOptions\",\"apiVersion\":\"meta.k8s.io/v1\"}")
      try appendPod(pod, namespace, as: "object", except: nil, to: &out)
      try appendPod(pod, namespace, as: "oldObject", except: "ephemeralContainers", to: &out)
    }
    out.append(",\"dryRun\":false}}\n")
    return out
  }

  /// Appends `,"NAME":` and the pod.
  ///
  /// - Parameter member: a member of the `spec` to leave out.
  private func appendPod(
    _ pod: ManifestPod, _ namespace: String, as name: String, except member: String?, to out: inout [UInt8]
  ) throws(ManifestProblem) {
    out.append(",\"")
    out.append(name)
    out.append("\":{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":")
    let metadata = self.member("metadata", of: pod.node)
    if pod.isPodItself {
      try appendMetadata(ofPod: metadata, namespace, to: &out)
    } else {
      try appendMetadata(ofTemplate: metadata, pod, namespace, to: &out)
    }
    if let spec = self.member("spec", of: pod.node) {
      out.append(",\"spec\":")
      if let member, nodes[spec].kind == .mapping {
        var isFirst = true
        out.append("{")
        try appendMembers(of: spec, to: &out, isFirst: &isFirst) { !isScalar($0, member) }
        out.append("}")
      } else {
        try appendJSON(spec, to: &out)
      }
    }
    out.append("}")
  }

  /// Appends a Pod's own metadata, with the namespace that the API server sets.
  private func appendMetadata(
    ofPod metadata: Int?, _ namespace: String, to out: inout [UInt8]
  ) throws(ManifestProblem) {
    if let metadata, nodes[metadata].kind != .mapping, !isNull(metadata) { return try appendJSON(metadata, to: &out) }
    out.append("{\"namespace\":")
    out.appendJSONString(namespace)
    var isFirst = false
    if let metadata, nodes[metadata].kind == .mapping {
      try appendMembers(of: metadata, to: &out, isFirst: &isFirst) { !isScalar($0, "namespace") }
    }
    out.append("}")
  }

  /// Appends the metadata of a pod that a controller makes: the template's labels, annotations and finalizers, and what
  /// the controller adds.
  private func appendMetadata(
    ofTemplate metadata: Int?, _ pod: ManifestPod, _ namespace: String, to out: inout [UInt8]
  ) throws(ManifestProblem) {
    if let metadata, nodes[metadata].kind != .mapping, !isNull(metadata) { return try appendJSON(metadata, to: &out) }
    let controller = Controller(of: pod.object)
    out.append("{\"generateName\":")
    out.appendJSONString(pod.object.name + "-")
    out.append(",\"namespace\":")
    out.appendJSONString(namespace)
    var isFirst = false
    var hasLabels = false
    if let metadata, nodes[metadata].kind == .mapping {
      if let labels = member("labels", of: metadata), !isNull(labels) {
        hasLabels = true
        out.append(",\"labels\":")
        try appendLabels(labels, controller.labels, to: &out)
      }
      try appendMembers(of: metadata, to: &out, isFirst: &isFirst) {
        isScalar($0, "annotations") || isScalar($0, "finalizers")
      }
    }
    if !hasLabels, !controller.labels.isEmpty {
      out.append(",\"labels\":{")
      out.appendMembers(controller.labels, isFirst: true)
      out.append("}")
    }
    out.append(",\"ownerReferences\":[{")
    out.appendMembers(
      [
        ("apiVersion", controller.apiVersion), ("kind", controller.kind), ("name", pod.object.name),
        ("uid", placeholder),
      ],
      isFirst: true)
    out.append(",\"controller\":true,\"blockOwnerDeletion\":true}]}")
  }

  private func appendLabels(
    _ labels: Int, _ added: [(String, String)], to out: inout [UInt8]
  ) throws(ManifestProblem) {
    guard nodes[labels].kind == .mapping else { return try appendJSON(labels, to: &out) }
    out.append("{")
    var isFirst = true
    try appendMembers(of: labels, to: &out, isFirst: &isFirst) { key in !added.contains { isScalar(key, $0.0) } }
    out.appendMembers(added, isFirst: isFirst)
    out.append("}")
  }

  func isNull(_ node: Int) -> Bool {
    guard nodes[node].kind == .scalar, nodes[node].style == .plain, nodes[node].tag != .string else { return false }
    if case .null = ScalarType(value(node)) { return true }
    return false
  }
}

/// The controller that makes pods from an object's template, and the labels that it adds. Rules may exclude pods by
/// either.
private struct Controller {
  let apiVersion: String
  let kind: String
  let labels: [(String, String)]

  init(of object: ManifestObject) {
    var (apiVersion, kind) = (object.apiVersion, object.kind)
    let name = object.name
    switch (object.group, object.kind) {
    case ("apps", "Deployment"), ("extensions", "Deployment"), ("argoproj.io", "Rollout"):
      (apiVersion, kind) = ("apps/v1", "ReplicaSet")
      labels = [(object.kind == "Rollout" ? "rollouts-pod-template-hash" : "pod-template-hash", "0")]
    case ("apps", "DaemonSet"), ("extensions", "DaemonSet"):
      labels = [("controller-revision-hash", "0"), ("pod-template-generation", "1")]
    case ("apps", "StatefulSet"):
      labels = [
        ("controller-revision-hash", "0"), ("statefulset.kubernetes.io/pod-name", name + "-0"),
        ("apps.kubernetes.io/pod-index", "0"),
      ]
    case ("batch", "Job"), ("batch", "CronJob"):
      (apiVersion, kind) = ("batch/v1", "Job")
      labels = [
        ("batch.kubernetes.io/job-name", name), ("job-name", name), ("batch.kubernetes.io/controller-uid", placeholder),
        ("controller-uid", placeholder),
      ]
    default: labels = []
    }
    self.apiVersion = apiVersion
    self.kind = kind
  }
}

/// Stands for every uid that the API server would generate.
private let placeholder = "00000000-0000-4000-8000-000000000000"

/// A fixed user, because no rule depends on the user.
private let userInfo = ",\"userInfo\":{\"username\":\"pisw\",\"groups\":[\"system:authenticated\"]}"

private let reviewHead =
  "{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/v1\",\"request\":{\"uid\":\"" + placeholder
  + "\",\"kind\":{\"group\":\"\",\"version\":\"v1\",\"kind\":\"Pod\"}"
  + ",\"resource\":{\"group\":\"\",\"version\":\"v1\",\"resource\":\"pods\"}"
  + ",\"requestKind\":{\"group\":\"\",\"version\":\"v1\",\"kind\":\"Pod\"}"
  + ",\"requestResource\":{\"group\":\"\",\"version\":\"v1\",\"resource\":\"pods\"},"

extension [UInt8] {
  fileprivate mutating func appendMembers(_ members: [(String, String)], isFirst: Bool) {
    var isFirst = isFirst
    for (name, value) in members {
      if !isFirst { append(UInt8(ascii: ",")) }
      isFirst = false
      appendJSONString(name)
      append(UInt8(ascii: ":"))
      appendJSONString(value)
    }
  }
}
