// The rules about whole pods apply to manifests as they do in the cluster: namespaces, labels, owners, opting out.

import Manifests
import Testing

private let deployment = """
  kind: Deployment
  apiVersion: apps/v1
  metadata: {name: web}
  spec:
    template:
      metadata: {labels: {app: web}, annotations: {note: x}}
      spec: \(spec)

  """

@Suite("Scope")
struct ScopeTests {
  @Test(
    "Exclusions match the namespace, the owner and the labels that the pod will have in the cluster",
    arguments: [
      ("namespaces: [default]", true), ("namespaces: [other]", false), ("labels: {app: web}", true),
      ("labels: {pod-template-hash: '*'}", true), ("owners: [apps/ReplicaSet]", true),
      ("owners: [apps/Deployment]", false),
      ("labels: {job-name: '*'}", false),
    ])
  func exclusions(_ exclusion: String, _ isExcluded: Bool) throws {
    let preview = try preview(deployment, "mirrors: {docker.io: p.io}\nexclude: {\(exclusion)}")
    #expect(preview.edits.isEmpty == isExcluded)
    #expect(preview.findings.map { $0.words.decision } == [isExcluded ? "left alone: excluded" : "redirected"])
  }

  @Test(
    "Each controller is its pods' owner, and adds its labels",
    arguments: [
      ("apps/v1", "StatefulSet", "owners: [apps/StatefulSet]"),
      ("apps/v1", "StatefulSet", "labels: {statefulset.kubernetes.io/pod-name: 'web-*'}"),
      ("apps/v1", "DaemonSet", "owners: [apps/DaemonSet]"), ("batch/v1", "Job", "owners: [batch/Job]"),
      ("batch/v1", "Job", "labels: {job-name: web}"),
      ("v1", "ReplicationController", "owners: [ReplicationController]"),
      ("argoproj.io/v1alpha1", "Rollout", "owners: [apps/ReplicaSet]"), ("x.io/v1", "Thing", "owners: [x.io/Thing]"),
    ])
  func controllers(_ apiVersion: String, _ kind: String, _ exclusion: String) throws {
    let text = "kind: \(kind)\napiVersion: \(apiVersion)\nmetadata: {name: web}\nspec: {template: {spec: \(spec)}}\n"
    #expect(try preview(text).edits.count == 1)
    #expect(try preview(text, "mirrors: {docker.io: p.io}\nexclude: {\(exclusion)}").edits.isEmpty)
  }

  @Test("The controller's label replaces the template's")
  func ownLabel() throws {
    let text =
      "kind: Job\napiVersion: batch/v1\nmetadata: {name: web}\nspec:\n  template:\n"
      + "    metadata: {labels: {job-name: mine}}\n    spec: \(spec)\n"
    let preview = try preview(text, "mirrors: {docker.io: p.io}\nexclude: {labels: {job-name: web}}")
    #expect(preview.problems.map(\.problem) == [])
    #expect(preview.findings.map { $0.words.decision } == ["left alone: excluded"])
  }

  @Test("The namespace is the object's, else the preview's")
  func namespaces() throws {
    let excluded = "mirrors: {docker.io: p.io}\nexclude: {namespaces: [kube-*]}"
    #expect(try preview(deployment, excluded, namespace: "kube-system").edits.isEmpty)
    let own = deployment.replacing("{name: web}", with: "{name: web, namespace: shop}")
    #expect(try preview(own, excluded, namespace: "kube-system").edits.count == 1)
  }

  @Test(
    "A Namespace with the skip label leaves its pods alone, even if it comes later; other values have no effect",
    arguments: [("\"true\"", true), ("'true'", true), ("true", false), ("\"yes\"", false)])
  func skippedNamespaces(_ value: String, _ isSkipped: Bool) throws {
    let text =
      deployment + "---\nkind: Namespace\napiVersion: v1\nmetadata:\n  name: default\n"
      + "  labels: {k8s-proxy-image-swapper/skip: \(value)}\n"
    let preview = try preview(text)
    #expect(preview.edits.isEmpty == isSkipped)
    #expect(preview.findings.contains(where: \.isRedirected) != isSkipped)
    if isSkipped {
      #expect(preview.findings[0].words.decision == "left alone: its namespace opted out")
      #expect(preview.findings[0].words.rule == "k8s-proxy-image-swapper/skip at m.yaml:13:42")
    }
    // Pods of other namespaces are not affected.
    let other = try ManifestsTests.preview(text, namespace: "other")
    #expect(other.edits.count == 1)
  }

  @Test("A pod that opts out, and the mirror pod of a static pod, stay")
  func optedOut() throws {
    let label = deployment.replacing("{app: web}", with: "{k8s-proxy-image-swapper/skip: \"true\"}")
    #expect(try preview(label).findings.map { $0.words.decision } == ["left alone: opted out"])
    let mirror = pod("image: nginx").replacing("{name: p}", with: "{annotations: {kubernetes.io/config.mirror: x}}")
    #expect(try preview(mirror).findings.map { $0.words.decision } == ["left alone: the mirror pod of a static pod"])
  }

  @Test("Each warning of the webhook is reported once")
  func warnings() throws {
    let text = deployment.replacing("{app: web}", with: "{k8s-proxy-image-swapper/skip: \"yes\"}")
    #expect(
      try preview(text).warnings.map(\.text) == [
        "pisw: the label k8s-proxy-image-swapper/skip does nothing: its only value is \"true\""
      ])
    #expect(try preview(deployment).warnings.isEmpty)
  }
}
