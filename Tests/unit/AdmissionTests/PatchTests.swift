// The other changes to a pod in which an image changed: the label, the annotation of original names, the pull secrets.
// The tests also apply each patch, because one that does not apply would reject the pod (docs/design.md, What
// Kubernetes expects).

import Foundation
import Testing

private let added = #"add /metadata/labels/k8s-proxy-image-swapper "patched-image""#

@Suite("The label")
struct LabelTests {
  @Test(
    "The patch adds the label and its missing parents, and never replaces a map",
    arguments: [
      (#"{"spec":SPEC}"#, [#"add /metadata {"labels":{"k8s-proxy-image-swapper":"patched-image"}}"#]),
      (#"{"metadata":null,"spec":SPEC}"#, [#"add /metadata {"labels":{"k8s-proxy-image-swapper":"patched-image"}}"#]),
      (#"{"metadata":{},"spec":SPEC}"#, [labelAdded]), (#"{"metadata":{"labels":null},"spec":SPEC}"#, [labelAdded]),
      (#"{"metadata":{"labels":{}},"spec":SPEC}"#, [added]),
      (#"{"metadata":{"labels":{"a":"b"}},"spec":SPEC}"#, [added]),
      (#"{"spec":SPEC,"metadata":{"labels":{"k8s-proxy-image-swapper":"other"}}}"#, [added]),
      (#"{"metadata":{"labels":{"k8s-proxy-image-swapper":null}},"spec":SPEC}"#, [added]),
      (#"{"metadata":{"labels":{"k8s-proxy-image-swapper":"patched-image"}},"spec":SPEC}"#, []),
    ])
  func parents(_ pod: String, _ expected: [String]) throws {
    let pod = pod.replacing("SPEC", with: #"{"containers":[{"name":"a","image":"a:1"}]}"#)
    let reply = try reply(to: pod)
    #expect(Array(reply.patch.dropFirst()) == expected)
    let before = try JSONSerialization.jsonObject(with: Data(pod.utf8)) as? [String: Any]
    let after = try applied(reply.operations, to: try #require(before)) as? [String: Any]
    var labels = ((before?["metadata"] as? [String: Any])?["labels"] as? [String: String]) ?? [:]
    labels["k8s-proxy-image-swapper"] = "patched-image"
    #expect((after?["metadata"] as? [String: Any])?["labels"] as? [String: String] == labels)
  }

  @Test("If no image changes, nothing changes", arguments: ["quay.io/x", "p.io/x", "auto", "BAD", ""])
  func unchanged(_ image: String) throws {
    let yaml = "mirrors: {docker.io: p.io}\nannotateOriginal: true\nimagePullSecrets: [s]"
    #expect(try reply(to: pod(spec: #""containers":[\#(container("a", image))]"#), yaml).response["patch"] == nil)
  }
}

@Suite("The annotation of original names")
struct OriginalsTests {
  private let yaml = "mirrors: {docker.io: p.io}\nannotateOriginal: true"
  private let path = "/metadata/annotations/k8s-proxy-image-swapper~1original-images"

  /// The members of the annotation that the patch sets; `nil` if it sets none.
  private func originals(_ reply: Reply, of pod: String) throws -> [String: String]? {
    let document = try JSONSerialization.jsonObject(with: Data(pod.utf8))
    let after = try applied(reply.operations, to: document) as? [String: Any]
    let annotations = (after?["metadata"] as? [String: Any])?["annotations"] as? [String: Any]
    guard let text = annotations?["k8s-proxy-image-swapper/original-images"] as? String else { return nil }
    return try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: String]
  }

  @Test("It is off by default")
  func off() throws {
    #expect(try !reply(to: pod()).patch.contains { $0.contains("annotations") })
  }

  @Test(
    "It maps list and name of each changed image to the name as written",
    arguments: [#""name":"p""#, #""annotations":null"#, #""annotations":{}"#, #""annotations":{"a":"b"}"#])
  func names(_ metadata: String) throws {
    let spec = #"""
      "containers":[{"name":"web","image":"nginx"},{"name":"far","image":"quay.io/x"}],
      "initContainers":[{"name":"web","image":"docker.io/acme/a:1"},{"image":"unnamed:1"}],
      "volumes":[{"name":"v","image":{"reference":"v:1"}}]
      """#
    let pod = pod(metadata, spec: spec)
    let reply = try reply(to: pod, yaml)
    #expect(
      try originals(reply, of: pod) == [
        "containers/web": "nginx", "initContainers/web": "docker.io/acme/a:1", "volumes/v": "v:1",
      ])
    #expect(reply.patch.count == 6)
    #expect(reply.warnings.isEmpty)
  }

  @Test("Without metadata, the label's operation adds it before the annotation")
  func noMetadata() throws {
    let pod = #"{"spec":{"containers":[{"name":"a","image":"a"}]}}"#
    let reply = try reply(to: pod, yaml)
    #expect(
      Array(reply.patch.dropFirst()) == [
        #"add /metadata {"labels":{"k8s-proxy-image-swapper":"patched-image"}}"#,
        #"add /metadata/annotations {"k8s-proxy-image-swapper/original-images":"{\"containers/a\":\"a\"}"}"#,
      ])
    #expect(try originals(reply, of: pod) == ["containers/a": "a"])
  }

  @Test("It is merged into an existing object: other members stay, a member of the same name is replaced")
  func merged() throws {
    let old = #"{\"containers/old\":\"o:1\",\"containers/web\":\"earlier:1\",\"x\":\"\\u00e9\"}"#
    let pod = pod(#""annotations":{"k8s-proxy-image-swapper/original-images":"\#(old)"}"#)
    let reply = try reply(to: pod, yaml)
    #expect(
      try originals(reply, of: pod) == ["containers/old": "o:1", "containers/web": "nginx", "x": "é"])
    #expect(reply.patch.contains { $0.hasPrefix("add \(path) ") })
  }

  @Test("A member of another type in the existing object stays as it is")
  func keptValues() throws {
    let pod = pod(#""annotations":{"k8s-proxy-image-swapper/original-images":" { \"a\" : [1, {}] } "}"#)
    let patch = try reply(to: pod, yaml).patch
    #expect(patch.last == #"add \#(path) "{\"a\":[1, {}],\"containers/web\":\"nginx\"}""#)
  }

  @Test(
    "A value that is not a JSON object stays, with a warning, and the images change all the same",
    arguments: ["", "text", "[]", "1", "null", "{", "{} x", "{\\\"a\\\":}"])
  func noObject(_ value: String) throws {
    let reply = try reply(to: pod(#""annotations":{"k8s-proxy-image-swapper/original-images":"\#(value)"}"#), yaml)
    #expect(reply.images.count == 1)
    #expect(!reply.patch.contains { $0.contains("annotations") })
    #expect(
      reply.warnings == [
        "pisw: the annotation k8s-proxy-image-swapper/original-images is not a JSON object, left as it is"
      ])
  }

  @Test("A value of null counts as absent")
  func nullValue() throws {
    let reply = try reply(to: pod(#""annotations":{"k8s-proxy-image-swapper/original-images":null}"#), yaml)
    #expect(reply.patch.last == #"add \#(path) "{\"containers/web\":\"nginx\"}""#)
    #expect(reply.warnings.isEmpty)
  }

  @Test("It is left out, with a warning, only if all annotations together would exceed 256 KiB")
  func room() throws {
    let value = #"{"containers/web":"nginx"}"#
    let key = "k8s-proxy-image-swapper/original-images"
    let room = 256 * 1024 - key.utf8.count - value.utf8.count - 1
    for (count, fits) in [(room, true), (room + 1, false)] {
      let reply = try reply(to: pod(#""annotations":{"a":"\#(String(repeating: "x", count: count))"}"#), yaml)
      #expect(reply.images.count == 1)
      #expect(reply.patch.contains { $0.contains("annotations") } == fits)
      #expect(
        reply.warnings
          == (fits ? [] : ["pisw: the annotation \(key) is left out: the annotations would exceed 256 KiB"]))
    }
  }

  @Test("The size of an annotation is counted with its escapes decoded")
  func roomIsDecoded() throws {
    let reply = try reply(to: pod(#""annotations":{"a":"\#(String(repeating: "\\u0061", count: 100_000))"}"#), yaml)
    #expect(reply.warnings.isEmpty)
  }

  @Test("On UPDATE it contains only the images that change now")
  func update() throws {
    let old = pod(spec: #""containers":[\#(container("a", "p.io/library/a:1")),\#(container("b", "b:1"))]"#)
    let new = pod(spec: #""containers":[\#(container("a", "a:2")),\#(container("b", "b:1"))]"#)
    #expect(try originals(try reply(to: ReviewText(update: old, to: new), yaml), of: new) == ["containers/a": "a:2"])
  }
}

@Suite("Pull secrets")
struct PullSecretTests {
  private let yaml = "mirrors: {docker.io: p.io}\nimagePullSecrets: [corp, extra]"

  @Test(
    "Secrets that the pod lacks are appended",
    arguments: [
      ("", [#"add /spec/imagePullSecrets [{"name":"corp"},{"name":"extra"}]"#]),
      (#","imagePullSecrets":null"#, [#"add /spec/imagePullSecrets [{"name":"corp"},{"name":"extra"}]"#]),
      (
        #","imagePullSecrets":[]"#,
        [#"add /spec/imagePullSecrets/- {"name":"corp"}"#, #"add /spec/imagePullSecrets/- {"name":"extra"}"#]
      ),
      (#","imagePullSecrets":[{"name":"other"},{"name":"corp"}]"#, [#"add /spec/imagePullSecrets/- {"name":"extra"}"#]),
      (#","imagePullSecrets":[{"name":"extra"},{"name":"c\u006frp"}]"#, []),
      (
        #","imagePullSecrets":[{},{"name":null}]"#,
        [#"add /spec/imagePullSecrets/- {"name":"corp"}"#, #"add /spec/imagePullSecrets/- {"name":"extra"}"#]
      ),
    ])
  func appended(_ present: String, _ expected: [String]) throws {
    let pod = pod(spec: #""containers":[{"name":"a","image":"a:1"}]\#(present)"#)
    let reply = try reply(to: pod, yaml)
    #expect(reply.patch.filter { $0.contains("imagePullSecrets") } == expected)
    #expect(throws: Never.self) {
      try applied(reply.operations, to: try JSONSerialization.jsonObject(with: Data(pod.utf8)))
    }
  }

  @Test("UPDATE adds none, because a pod's pull secrets are immutable")
  func update() throws {
    let reply = try reply(to: ReviewText(update: nil, to: pod()), yaml)
    #expect(reply.images.count == 1)
    #expect(!reply.patch.contains { $0.contains("imagePullSecrets") })
  }

  @Test("A name that is configured twice is appended once")
  func configuredTwice() throws {
    let reply = try reply(to: pod(), "mirrors: {docker.io: p.io}\nimagePullSecrets: [corp, corp]")
    #expect(reply.patch.last == #"add /spec/imagePullSecrets [{"name":"corp"}]"#)
  }
}
