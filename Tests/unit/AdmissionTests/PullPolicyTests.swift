// An image that a node never pulls keeps its name: the kubelet looks for exactly that name among the node's images, and
// the runtime for exactly that ID. Under another name, the pod would never start.

import Testing

/// The lists whose entries have a pull policy.
enum PolicyPlace: String, CaseIterable, Sendable {
  case containers, initContainers, ephemeralContainers, volumes

  func entry(_ policy: String?, image: String = "nginx:1", isPolicyFirst: Bool = false) -> String {
    let key = self == .volumes ? "pullPolicy" : "imagePullPolicy"
    let imageMember = #""\#(self == .volumes ? "reference" : "image")":"\#(image)""#
    let policyMember = policy.map { #""\#(key)":\#($0)"# }
    let members = [isPolicyFirst ? policyMember : nil, imageMember, isPolicyFirst ? nil : policyMember]
      .compactMap { $0 }.joined(separator: ",")
    return self == .volumes ? #"{"name":"x","image":{\#(members)}}"# : #"{"name":"x",\#(members)}"#
  }

  /// The review in which images of this list may change.
  func review(_ entries: String, isUpdate: Bool) -> ReviewText {
    let new = pod(spec: #""\#(rawValue)":[\#(entries)]"#)
    if self == .ephemeralContainers {
      return ReviewText(update: pod(spec: ""), to: new, subresource: #""ephemeralcontainers""#)
    }
    return isUpdate ? ReviewText(update: pod(spec: ""), to: new) : ReviewText(new)
  }

  var imagePointer: String { "/spec/\(rawValue)/0/image" + (self == .volumes ? "/reference" : "") }
}

private let neverPulled = "left alone: nothing is pulled (imagePullPolicy Never)"

@Suite("Pull policies")
struct PullPolicyTests {
  @Test(
    "Never keeps the image on CREATE and on UPDATE, in every list",
    arguments: PolicyPlace.allCases, [false, true])
  func never(_ place: PolicyPlace, _ isUpdate: Bool) throws {
    for entry in [
      place.entry(#""Never""#), place.entry(#""Never""#, isPolicyFirst: true), place.entry(#""N\u0065ver""#),
    ] {
      let reply = try reply(to: place.review(entry, isUpdate: isUpdate))
      #expect(reply.patch.isEmpty && reply.warnings.isEmpty && reply.podFault == nil)
      // No update can change an image volume, whatever its policy.
      let reason = place == .volumes && isUpdate ? "left alone: this operation cannot change it" : neverPulled
      #expect(reply.decisions == ["\(place.rawValue)[0] " + reason])
    }
  }

  @Test(
    "With every other policy, and without one, the image is redirected",
    arguments: PolicyPlace.allCases, [#""IfNotPresent""#, #""Always""#, #""never""#, #""Never ""#, #""""#, "null", nil])
  func others(_ place: PolicyPlace, _ policy: String?) throws {
    for isUpdate in [false, true] where place != .volumes || !isUpdate {
      for isFirst in [false, true] {
        let reply = try reply(to: place.review(place.entry(policy, isPolicyFirst: isFirst), isUpdate: isUpdate))
        #expect(reply.images == [#"replace \#(place.imagePointer) "p.io/library/nginx:1""#])
        #expect(reply.podFault == nil)
      }
    }
  }

  @Test(
    "A pod with a policy of the wrong type or a duplicate policy stays as it is, with a warning",
    arguments: PolicyPlace.allCases,
    ["5", "{}", "[]", "true", #""Always","imagePullPolicy":"Never","pullPolicy":"Never""#])
  func faults(_ place: PolicyPlace, _ policy: String) throws {
    let reply = try reply(to: place.review(place.entry(policy), isUpdate: false))
    #expect(reply.patch.isEmpty && reply.podFault != nil)
    #expect(reply.warnings.count == 1 && reply.warnings.first?.hasPrefix("pisw: left alone: ") == true)
    #expect(reply.response["allowed"] as? Bool == true)
  }

  @Test("A policy counts only in the entry of its image, under the key of its list")
  func apart() throws {
    let spec = #"""
      "imagePullPolicy":"Never","containers":[
        {"name":"a","image":"a:1","imagePullPolicy":"Never"},
        {"name":"b","image":"b:1","env":[{"imagePullPolicy":"Never"}]},
        {"name":"c","image":"c:1","pullPolicy":"Never"}],
      "volumes":[{"name":"v","imagePullPolicy":"Never","image":{"reference":"v:1","imagePullPolicy":"Never"}},
        {"name":"w","pullPolicy":"Never","image":{"reference":"w:1","pullPolicy":"Always"}}]
      """#
    #expect(
      try reply(to: pod(spec: spec)).patch == [
        #"replace /spec/containers/1/image "p.io/library/b:1""#,
        #"replace /spec/containers/2/image "p.io/library/c:1""#,
        #"replace /spec/volumes/0/image/reference "p.io/library/v:1""#,
        #"replace /spec/volumes/1/image/reference "p.io/library/w:1""#, labelAdded,
      ])
  }

  @Test(
    "The policy decides before the rules for names, but after texts that are not names",
    arguments: [
      ("", "left alone: no image name", 0), ("auto", "left alone: a placeholder, not an image", 0),
      ("NGINX", "left alone: not a valid image name: the repository must be lower-case", 1),
      ("a_b.com/x", neverPulled, 0), ("p.io/x", neverPulled, 0), ("redis", neverPulled, 0),
      ("quay.io/x", neverPulled, 0),
      ("a/" + String(repeating: "b", count: 253), neverPulled, 0),
    ])
  func order(_ image: String, _ reason: String, _ warnings: Int) throws {
    let yaml = "mirrors: {docker.io: p.io/x, ghcr.io: p.io}\nignoreimages: [redis]"
    let entry = PolicyPlace.containers.entry(#""Never""#, image: image)
    for isUpdate in [false, true] {
      let reply = try reply(to: PolicyPlace.containers.review(entry, isUpdate: isUpdate), yaml)
      #expect(reply.patch.isEmpty && reply.warnings.count == warnings)
      #expect(reply.decisions == ["containers[0] " + reason])
    }
  }

  @Test("On UPDATE, an invalid name is reported before the policy, and the policy before an unchanged image")
  func unchanged() throws {
    func decision(_ image: String, _ policy: String?) throws -> [String] {
      let pod = pod(spec: #""containers":[\#(PolicyPlace.containers.entry(policy, image: image))]"#)
      return try reply(to: ReviewText(update: pod, to: pod)).decisions
    }
    #expect(try decision("nginx:1", #""Never""#) == ["containers[0] " + neverPulled])
    #expect(try decision("nginx:1", nil) == ["containers[0] left alone: the image did not change"])
    #expect(try decision("auto", nil) == ["containers[0] left alone: a placeholder, not an image"])
  }
}

@Suite("Image IDs")
struct ImageIDTests {
  private static let digits = String(repeating: "0a", count: 32)

  @Test(
    "An image ID stays without a warning, in every list", arguments: PolicyPlace.allCases, ["sha256:" + digits, digits])
  func ids(_ place: PolicyPlace, _ image: String) throws {
    let reply = try reply(to: place.review(place.entry(nil, image: image), isUpdate: false))
    #expect(reply.patch.isEmpty && reply.warnings.isEmpty)
    #expect(
      reply.explanation == [
        "\(place.rawValue)[0] (x)\t\(image)\t-\tleft alone: an image ID of the node, not a name\t-\t\(image)"
      ])
  }
}
