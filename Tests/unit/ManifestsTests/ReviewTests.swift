// The reviews that are made for pods of manifests.

import Foundation
import Manifests
import Testing
import YAML

/// The review of the only pod of a text.
private func review(_ text: String, _ call: PodReviewCall = .create) throws -> NSDictionary {
  var review: [UInt8] = []
  manifest(text).forEachDocument { tree in
    for pod in tree.objects.flatMap(tree.pods) { review = (try? tree.review(of: pod, call, namespace: "d")) ?? [] }
  } report: {
    Issue.record("\($0)")
  }
  let object = try JSONSerialization.jsonObject(with: Data(review))
  return try #require((object as? NSDictionary)?["request"] as? NSDictionary)
}

@Suite("Reviews")
struct ReviewTests {
  @Test("The review of a Pod has the Pod as it is, with its namespace")
  func pod() throws {
    let request = try review(
      "kind: Pod\napiVersion: v1\nmetadata: {name: p, labels: {a: b}}\nspec: \(spec)\nstatus: {}\n")
    #expect(request["operation"] as? String == "CREATE")
    #expect(request["namespace"] as? String == "d")
    #expect(request["name"] as? String == "p")
    #expect(request["resource"] as? NSDictionary == ["group": "", "version": "v1", "resource": "pods"])
    #expect(
      request["object"] as? NSDictionary == [
        "kind": "Pod", "apiVersion": "v1", "metadata": ["namespace": "d", "name": "p", "labels": ["a": "b"]],
        "spec": ["containers": [["name": "c", "image": "nginx"]]],
      ])
  }

  @Test("The review of a template has the pod that the controller makes, with its name, owner and namespace")
  func template() throws {
    let request = try review(
      "kind: DaemonSet\napiVersion: apps/v1\nmetadata: {name: a, namespace: shop, labels: {not: this}}\nspec:\n  template:\n"
        + "    metadata: {name: ignored, labels: {app: a}, annotations: {x: z}}\n    spec: \(spec)\n")
    #expect(request["name"] == nil)
    #expect(request["namespace"] as? String == "shop")
    let metadata = try #require((request["object"] as? NSDictionary)?["metadata"] as? NSDictionary)
    #expect(metadata["generateName"] as? String == "a-")
    #expect(metadata["namespace"] as? String == "shop")
    #expect(metadata["name"] == nil)
    #expect(
      metadata["labels"] as? NSDictionary == [
        "app": "a", "controller-revision-hash": "0", "pod-template-generation": "1",
      ])
    #expect(metadata["annotations"] as? NSDictionary == ["x": "z"])
    let owner = try #require((metadata["ownerReferences"] as? [NSDictionary])?.first)
    #expect(owner["kind"] as? String == "DaemonSet" && owner["name"] as? String == "a")
  }

  @Test("In a review of ephemeral containers, the old pod has none")
  func ephemeral() throws {
    let request = try review(
      "kind: Pod\napiVersion: v1\nspec: {containers: [], ephemeralContainers: [{name: e, image: x}]}\n",
      .addEphemeralContainers)
    #expect(request["subResource"] as? String == "ephemeralcontainers")
    #expect(request["operation"] as? String == "UPDATE")
    let specs = ["object", "oldObject"].map { (request[$0] as? NSDictionary)?["spec"] as? NSDictionary }
    #expect(specs == [["containers": [], "ephemeralContainers": [["name": "e", "image": "x"]]], ["containers": []]])
  }

  @Test("Aliases and merge keys are expanded")
  func aliases() throws {
    let request = try review(
      "kind: Pod\napiVersion: v1\nx: &x {a: 1, b: [*y]}\n".replacing("[*y]", with: "2")
        + "spec: {z: *x, <<: *x, b: 3}\n")
    #expect((request["object"] as? NSDictionary)?["spec"] as? NSDictionary == ["z": ["a": 1, "b": 2], "a": 1, "b": 3])
  }

  @Test("A pod that is too large is a problem, not a review")
  func tooLarge() throws {
    let text =
      "kind: Pod\napiVersion: v1\nspec:\n  containers:\n"
      + String(repeating: "  - {name: c, image: \(String(repeating: "x", count: 1000))}\n", count: 9000)
    #expect(try problems(text).map { $0.contains("larger than 8 MiB") } == [true])
  }
}
