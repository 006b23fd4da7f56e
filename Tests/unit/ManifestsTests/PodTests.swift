// Where pods are found: in each kind of Kubernetes, in lists, in other kinds by their structure; and where not.

import Manifests
import Testing

@Suite("Pods")
struct PodTests {
  @Test(
    "In Kubernetes' own kinds, pods are found where Kubernetes has them",
    arguments: [
      ("v1", "Pod", "spec: \(spec)", ""), ("v1", "PodTemplate", "template: {spec: \(spec)}", "/template"),
      ("v1", "ReplicationController", "spec: {template: {spec: \(spec)}}", "/spec/template"),
      ("apps/v1", "Deployment", "spec: {template: {spec: \(spec)}}", "/spec/template"),
      ("apps/v1", "ReplicaSet", "spec: {template: {spec: \(spec)}}", "/spec/template"),
      ("apps/v1", "StatefulSet", "spec: {template: {spec: \(spec)}}", "/spec/template"),
      ("apps/v1", "DaemonSet", "spec: {template: {spec: \(spec)}}", "/spec/template"),
      ("extensions/v1beta1", "Deployment", "spec: {template: {spec: \(spec)}}", "/spec/template"),
      ("batch/v1", "Job", "spec: {template: {spec: \(spec)}}", "/spec/template"),
      (
        "batch/v1", "CronJob", "spec: {jobTemplate: {spec: {template: {spec: \(spec)}}}}",
        "/spec/jobTemplate/spec/template"
      ),
    ])
  func kinds(_ apiVersion: String, _ kind: String, _ members: String, _ pointer: String) throws {
    let text = "apiVersion: \(apiVersion)\nkind: \(kind)\nmetadata: {name: a, namespace: shop}\n\(members)\n"
    let findings = try preview(text).findings
    #expect(findings.map(\.line) == ["\(kind) shop/a \(pointer)/spec/containers/0/image nginx"])
    #expect(findings.map(\.pod.isFoundByStructure) == [false])
    #expect(try edited(text) == text.replacing("nginx", with: "p.io/library/nginx:latest"))
  }

  @Test(
    "In other kinds, pods are found by their structure, and marked so",
    arguments: [
      ("argoproj.io/v1alpha1", "Rollout", "spec: {template: {spec: \(spec)}}", ["/spec/template"]),
      ("serving.knative.dev/v1", "Service", "spec: {template: {spec: \(spec)}}", ["/spec/template"]),
      ("apps.kruise.io/v1alpha1", "CloneSet", "spec: {template: {spec: \(spec)}}", ["/spec/template"]),
      (
        "batch.volcano.sh/v1alpha1", "Job", "spec: {tasks: [{template: {spec: \(spec)}}, {template: {spec: \(spec)}}]}",
        ["/spec/tasks/0/template", "/spec/tasks/1/template"]
      ),
      ("monitoring.coreos.com/v1", "Prometheus", "spec: \(spec)", [""]),
      ("x/v1", "Odd", "'a/b~c': {spec: \(spec)}", ["/a~1b~0c"]),
      ("v1", "Service", "spec: {ports: []}", []), ("x/v1", "Odd", "spec: {containers: []}", []),
      ("x/v1", "Odd", "spec: {containers: [{name: c}]}", []), ("x/v1", "Odd", "spec: {containers: [nginx]}", []),
      ("x/v1", "Odd", "containers: [{name: c, image: nginx}]", []),
      ("apiextensions.k8s.io/v1", "CustomResourceDefinition", "spec: {x: {spec: \(spec)}}", []),
      ("v1", "ConfigMap", "data: {x: 'spec: \(spec)'}", []),
    ])
  func structures(_ apiVersion: String, _ kind: String, _ members: String, _ pointers: [String]) throws {
    let findings = try preview("apiVersion: \(apiVersion)\nkind: \(kind)\nmetadata: {name: a}\n\(members)\n").findings
    #expect(findings.map(\.pointer) == pointers.map { $0 + "/spec/containers/0/image" })
    #expect(findings.allSatisfy { $0.pod.isFoundByStructure })
  }

  @Test("Pods are found in lists of any kind; items of a typed list may leave out apiVersion and kind")
  func lists() throws {
    let text = """
      kind: List
      apiVersion: v1
      items:
      - {kind: Pod, apiVersion: v1, metadata: {name: a}, spec: \(spec)}
      - kind: DeploymentList
        apiVersion: apps/v1
        items:
        - {metadata: {name: b, namespace: shop}, spec: {template: {spec: \(spec)}}}
      - {kind: Service, apiVersion: v1}
      - null
      - text
      """
    #expect(
      try preview(text).findings.map(\.line) == [
        "Pod default/a /items/0/spec/containers/0/image nginx",
        "Deployment shop/b /items/1/items/0/spec/template/spec/containers/0/image nginx",
      ])
  }

  @Test(
    "A document that is not a Kubernetes object is skipped",
    arguments: ["a", "[a]", "5", "a: b", "kind: []", "kind: 5", "---"])
  func others(_ text: String) throws {
    let preview = try preview(text)
    #expect(preview.objects == 0 && preview.findings.isEmpty && preview.problems.isEmpty)
  }

  @Test("Containers, init containers, ephemeral containers and image volumes are previewed")
  func places() throws {
    let text = """
      kind: Pod
      apiVersion: v1
      metadata: {name: p}
      spec:
        volumes: [{name: e, emptyDir: {}}, {name: v, image: {reference: a/v}}]
        ephemeralContainers: [{name: debug, image: a/e}]
        initContainers: [{name: init, image: a/i}]
        containers: [{name: web, image: a/w}, {name: none}]
      """
    let findings = try preview(text).findings
    #expect(
      findings.map { $0.outcome.place + " " + ($0.becomes ?? "-") } == [
        "containers[0] (web) p.io/a/w:latest", "containers[1] (none) -", "initContainers[0] (init) p.io/a/i:latest",
        "volumes[1] (v) p.io/a/v:latest", "ephemeralContainers[0] (debug) p.io/a/e:latest",
      ])
  }

  @Test("A wrong type in a pod is a problem with place and pointer, and other pods are previewed")
  func faults() throws {
    let text =
      "kind: Deployment\napiVersion: apps/v1\nspec:\n  template:\n    spec:\n      containers:\n"
      + "      - name: c\n        image: 1.25\n---\n" + pod("image: nginx")
    #expect(
      try problems(text) == [
        "m.yaml:8:16: expected a string, found a number, at /spec/template/spec/containers/0/image"
      ])
    #expect(try preview(text).edits.count == 1)
    #expect(
      try problems("kind: Pod\napiVersion: v1\nspec: {containers: {a: b}}\n").map { String($0.prefix(12)) } == [
        "m.yaml:3:20:"
      ])
  }

  @Test("A namespace that is a boolean in YAML 1.1 is a problem, as it is for kubectl")
  func namespace() throws {
    let text = "kind: Job\napiVersion: batch/v1\nmetadata: {name: a, namespace: n}\nspec: {template: {spec: \(spec)}}\n"
    #expect(try problems(text) == ["m.yaml:3:32: expected a string; put it in quotes, at /metadata/namespace"])
    #expect(try preview(text).findings.isEmpty)
  }
}
