// Which images of a pod change in which operation (docs/design.md, The mutation, steps 1 to 8).

import Testing

@Suite("Images")
struct ImageTests {
  private let lists = #"""
    "volumes":[{"name":"v","image":{"reference":"e:1"}},{"name":"w","emptyDir":{}}],
    "ephemeralContainers":[{"name":"d","image":"d:1"}],
    "initContainers":[{"name":"c","image":"c:1"}],
    "containers":[{"name":"a","image":"a:1"},{"name":"b","image":"b:1"}]
    """#

  @Test("CREATE changes containers, init containers and image volumes, in this order whatever the pod's order")
  func create() throws {
    let reply = try reply(to: pod(spec: lists))
    #expect(
      reply.patch == [
        #"replace /spec/containers/0/image "p.io/library/a:1""#,
        #"replace /spec/containers/1/image "p.io/library/b:1""#,
        #"replace /spec/initContainers/0/image "p.io/library/c:1""#,
        #"replace /spec/volumes/0/image/reference "p.io/library/e:1""#, labelAdded,
      ])
    #expect(
      reply.decisions == [
        "containers[0] redirected", "containers[1] redirected", "initContainers[0] redirected",
        "ephemeralContainers[0] left alone: this operation cannot change it", "volumes[0] redirected",
      ])
  }

  @Test("UPDATE changes only containers and init containers")
  func update() throws {
    let reply = try reply(to: ReviewText(update: pod(spec: #""containers":[]"#), to: pod(spec: lists)))
    #expect(
      reply.patch == [
        #"replace /spec/containers/0/image "p.io/library/a:1""#,
        #"replace /spec/containers/1/image "p.io/library/b:1""#,
        #"replace /spec/initContainers/0/image "p.io/library/c:1""#, labelAdded,
      ])
  }

  @Test(
    "UPDATE leaves an image alone if the old entry of the same list and name has the same image",
    arguments: [
      (container("a", "nginx:1"), container("a", "nginx:1"), true),
      (container("a", "nginx:1"), container("a", "nginx:2"), false),
      (container("b", "nginx:1"), container("a", "nginx:1"), false),
      (#"{"name":"a"}"#, container("a", "nginx:1"), false), ("", container("a", "nginx:1"), false),
      (container("a", "nginx"), container("a", "nginx:latest"), false),
      (container("a", "nginx:1"), #"{"name":"\u0061","image":"ngin\u0078:1"}"#, true),
      (container("x", "redis:1") + "," + container("a", "nginx:1"), container("a", "nginx:1"), true),
      (#"{"image":"nginx:1"}"#, #"{"image":"nginx:1"}"#, false),
    ])
  func unchanged(_ old: String, _ new: String, _ isUnchanged: Bool) throws {
    let reply = try reply(
      to: ReviewText(update: pod(spec: #""containers":[\#(old)]"#), to: pod(spec: #""containers":[\#(new)]"#)))
    #expect(reply.patch.isEmpty == isUnchanged)
    #expect(
      reply.decisions == ["containers[0] " + (isUnchanged ? "left alone: the image did not change" : "redirected")])
  }

  @Test("An init container is not compared with a container of the same name")
  func otherList() throws {
    let old = pod(spec: #""containers":[\#(container("a", "nginx:1"))]"#)
    let new = pod(spec: #""initContainers":[\#(container("a", "nginx:1"))]"#)
    #expect(try reply(to: ReviewText(update: old, to: new)).images.count == 1)
  }

  @Test("UPDATE without an old object may change every image", arguments: [nil, "null", "{}"] as [String?])
  func noOldObject(_ old: String?) throws {
    #expect(try reply(to: ReviewText(update: old, to: pod())).images.count == 1)
  }

  @Test("CREATE ignores an old object")
  func createWithOldObject() throws {
    var review = ReviewText(pod())
    review.oldObject = pod()
    #expect(try reply(to: review).images.count == 1)
  }

  @Test(
    "Under ephemeralcontainers, only entries that the old object lacks change, and the pod gets no label",
    arguments: [#""UPDATE""#, #""CREATE""#, nil])
  func ephemeral(_ operation: String?) throws {
    func spec(_ ephemeral: String) -> String {
      #""containers":[\#(container("web", "nginx"))],"ephemeralContainers":[\#(ephemeral)]"#
    }
    let old = pod(spec: spec(container("d1", "busybox:1")))
    let new = pod(
      spec: spec(container("d1", "busybox:2") + "," + container("d2", "curl:8") + "," + container("web", "alpine:3")))
    let yaml = "mirrors: {docker.io: p.io}\nannotateOriginal: true\nimagePullSecrets: [s]"
    var review = ReviewText(update: old, to: new, subresource: #""ephemeralcontainers""#)
    review.operation = operation
    let reply = try reply(to: review, yaml)
    #expect(
      reply.patch == [
        #"replace /spec/ephemeralContainers/1/image "p.io/library/curl:8""#,
        #"replace /spec/ephemeralContainers/2/image "p.io/library/alpine:3""#,
      ])
    #expect(
      reply.decisions == [
        "containers[0] left alone: this operation cannot change it",
        "ephemeralContainers[0] left alone: this operation cannot change it", "ephemeralContainers[1] redirected",
        "ephemeralContainers[2] redirected",
      ])
  }

  @Test("Under ephemeralcontainers, pods may opt out and be excluded, too")
  func ephemeralOptOut() throws {
    let new = pod(
      #""labels":{"k8s-proxy-image-swapper/skip":"true"}"#, spec: #""ephemeralContainers":[\#(container("d", "curl"))]"#
    )
    #expect(try reply(to: ReviewText(update: pod(), to: new, subresource: #""ephemeralcontainers""#)).patch.isEmpty)
  }

  @Test(
    "A container without an image to redirect is left alone; only invalid names cause a warning",
    arguments: [
      (#"{"name":"a"}"#, "left alone: no image name", nil),
      (#"{"name":"a","image":null}"#, "left alone: no image name", nil),
      (#"{"name":"a","image":""}"#, "left alone: no image name", nil),
      (#"{"name":"a","image":"auto"}"#, "left alone: a placeholder, not an image", nil),
      (
        #"{"name":"a","image":"nginx:"}"#,
        "left alone: not a valid image name: it does not follow the grammar [domain/]path[:tag][@digest]",
        #"pisw: containers[0]: not a valid image name, left as it is: "nginx:""#
      ),
      (
        #"{"name":"a","image":"\u001b[0m\u00e9"}"#,
        "left alone: not a valid image name: it does not follow the grammar [domain/]path[:tag][@digest]",
        #"pisw: containers[0]: not a valid image name, left as it is: "\u001b[0m\u00e9""#
      ),
      (
        #"{"name":"a","image":"a_b.com/x"}"#, "left alone: its registry is not a valid host",
        #"pisw: containers[0]: its registry is not a valid host, left as it is: "a_b.com/x""#
      ),
      (#"{"name":"a","image":"quay.io/x"}"#, "left alone: no mirror for its registry", nil),
      (#"{"name":"a","image":"p.io/x"}"#, "left alone: already under a target", nil),
      (#"{"name":"a","image":"redis"}"#, "left alone: ignored", nil), ("null", nil, nil),
      ("{}", "left alone: no image name", nil),
    ] as [(String, String?, String?)])
  func noImage(_ container: String, _ decision: String?, _ warning: String?) throws {
    let reply = try reply(
      to: pod(spec: #""containers":[\#(container)]"#), "mirrors: {docker.io: p.io}\nignoreimages: [redis]")
    #expect(reply.patch.isEmpty)
    #expect(reply.decisions == (decision.map { ["containers[0] " + $0] } ?? []))
    #expect(reply.warnings == (warning.map { [$0] } ?? []))
    #expect(reply.podFault == nil)
  }

  @Test("An invalid image name does not keep other images from changing")
  func oneByOne() throws {
    let spec =
      #""containers":[\#(container("a", "BAD"))],"initContainers":[{"name":"b"},null,\#(container("c", "nginx:1"))]"#
    let reply = try reply(to: pod(spec: spec))
    #expect(reply.images == [#"replace /spec/initContainers/2/image "p.io/library/nginx:1""#])
    #expect(reply.warnings.count == 1)
  }

  @Test("An image stays, with a warning, if the result would not be a valid name")
  func invalidResult() throws {
    let image = "a/" + String(repeating: "b", count: 253)
    let reply = try reply(to: pod(spec: #""containers":[\#(container("a", image))]"#), "mirrors: {docker.io: p.io/x}")
    #expect(reply.patch.isEmpty)
    #expect(reply.warnings.count == 1)
    #expect(
      reply.warnings.first?.hasPrefix("pisw: containers[0]: left as it is, the name under p.io/x would not be valid: ")
        == true)
  }

  @Test(
    "A volume changes only if it is an image and has a reference",
    arguments: [
      (#"{"name":"v"}"#, 0), (#"{"name":"v","image":null}"#, 0), (#"{"name":"v","image":{}}"#, 1),
      (#"{"name":"v","image":{"reference":null}}"#, 1), (#"{"name":"v","image":{"pullPolicy":"Always"}}"#, 1),
      (#"{"name":"v","emptyDir":{}}"#, 0), (#"{"name":"v","rbd":{"image":"nginx"}}"#, 0),
    ])
  func volumes(_ volume: String, _ decisions: Int) throws {
    let reply = try reply(to: pod(spec: #""volumes":[\#(volume)]"#))
    #expect(reply.patch.isEmpty && reply.podFault == nil)
    #expect(reply.decisions == Array(repeating: "volumes[0] left alone: no image name", count: decisions))
  }

  @Test("The index of an image volume counts all volumes")
  func volumePosition() throws {
    let spec = #""volumes":[{"emptyDir":{}},null,{"image":{"reference":"a:1"}}]"#
    #expect(try reply(to: pod(spec: spec)).images == [#"replace /spec/volumes/2/image/reference "p.io/library/a:1""#])
  }

  @Test(
    "A pod without lists has no images",
    arguments: ["", #""containers":null"#, #""containers":[]"#, #""hostname":"x""#])
  func nothing(_ spec: String) throws {
    let reply = try reply(to: pod(spec: spec))
    #expect(reply.patch.isEmpty && reply.podFault == nil && reply.decisions.isEmpty && reply.notReviewed == nil)
  }

  @Test(
    "A pod may have no metadata and no spec", arguments: ["{}", #"{"metadata":null,"spec":null}"#, #"{"spec":{}}"#])
  func bare(_ pod: String) throws {
    #expect(try reply(to: pod).podFault == nil)
  }

  @Test("Escapes in keys are decoded, and unknown members are skipped")
  func escapedKeys() throws {
    let pod = #"""
      {"spec":{"x":[{"image":"no:1"}],"cont\u0061iners":[{"env":[{"image":"no:1"}],"im\u0061ge":"nginx:1"}]},"image":"no:1"}
      """#
    #expect(try reply(to: pod).images == [#"replace /spec/containers/0/image "p.io/library/nginx:1""#])
  }

  @Test("A pod with 10 000 containers is changed, and a pod with one more is left alone")
  func manyImages() throws {
    func pod(_ count: Int) -> String {
      #"{"spec":{"containers":["# + Array(repeating: #"{"image":"a:1"}"#, count: count).joined(separator: ",") + "]}}"
    }
    let most = try reply(to: pod(10_000))
    #expect(most.images.count == 10_000 && most.podFault == nil)
    let tooMany = try reply(to: pod(10_001))
    #expect(tooMany.patch.isEmpty)
    #expect(
      tooMany.warnings == [
        "pisw: left alone: too many entries; expected at most 10000, at /request/object/spec/containers/10000"
      ])
  }

  @Test("The explanation shows written name, normalised name, decision, rule with its place, and result")
  func explanation() throws {
    let spec =
      #""containers":[\#(container("web", "nginx")),\#(container("db", "redis:7")),{"image":"BAD"},{"name":"x"}]"#
    let reply = try reply(to: pod(spec: spec), "mirrors:\n  docker.io: p.io\nignoreimages:\n  - redis\n")
    #expect(
      reply.explanation == [
        "containers[0] (web)\tnginx\tdocker.io/library/nginx:latest\tredirected\tmirror docker.io at config.yaml:2:3\t"
          + "p.io/library/nginx:latest",
        "containers[1] (db)\tredis:7\tdocker.io/library/redis:7\tleft alone: ignored\t"
          + "ignoreimages redis at config.yaml:4:5\tredis:7",
        "containers[2]\tBAD\t-\tleft alone: not a valid image name: the repository must be lower-case\t-\tBAD",
        "containers[3] (x)\t-\t-\tleft alone: no image name\t-\t-",
      ])
  }
}
