// The reviews that real kube-apiservers sent (examples/reviews): the decision about each, and that a second call with
// the patched pod changes nothing.

import Foundation
import Policy
import Testing

private let label = "k8s-proxy-image-swapper"
private let sha = String(repeating: "a", count: 64)

@Suite("Captured reviews")
struct CapturedReviewTests {
  private static let mirrors = """
    mirrors: {docker.io: p.io, quay.io: "h.io:8443/quay", "*": "p.io/{registry}"}
    ignoreimages: [redis]
    """

  private static let added = #"add /metadata/labels/\#(label) "patched-image""#

  static let table: [(String, [String])] = [
    ("bare-pod-without-labels", [#"replace /spec/containers/0/image "p.io/library/nginx:latest""#, labelAdded]),
    ("debug-first-ephemeral", [#"replace /spec/ephemeralContainers/0/image "p.io/library/busybox:1.36""#]),
    ("debug-second-ephemeral", [#"replace /spec/ephemeralContainers/1/image "h.io:8443/quay/curl/curl:8""#]),
    ("delete", []),
    (
      "deployment-pod",
      [
        #"replace /spec/containers/0/image "p.io/library/nginx:latest""#,
        #"replace /spec/initContainers/0/image "p.io/library/busybox:1.33""#, added,
      ]
    ),
    ("dry-run", []),
    (
      "image-volumes",
      [
        #"replace /spec/containers/0/image "h.io:8443/quay/prometheus/busybox:latest""#,
        #"replace /spec/volumes/0/image/reference "p.io/library/alpine:3.20""#,
        #"replace /spec/volumes/1/image/reference "p.io/ghcr.io/acme/tools@sha256:\#(sha)""#, added,
      ]
    ),
    (
      "init-containers-1.20",
      [
        #"replace /spec/containers/0/image "p.io/library/nginx:1.25""#,
        #"replace /spec/containers/1/image "h.io:8443/quay/a/b:2""#,
        #"replace /spec/initContainers/0/image "p.io/library/busybox:latest""#,
        #"replace /spec/initContainers/1/image "p.io/gcr.io/p/i:3""#, added,
      ]
    ),
    (
      "istio-auto-image",
      [
        #"replace /spec/containers/1/image "p.io/bitnami/nginx:1.25""#,
        #"replace /spec/initContainers/0/image "p.io/fluent/fluent-bit:3.0""#, added,
      ]
    ),
    ("job-pod", [#"replace /spec/containers/0/image "p.io/library/busybox:1.36""#, added]),
    ("mirror-pod", []),
    ("missing-image", []),
    ("statefulset-pod", [#"replace /spec/containers/0/image "p.io/library/nginx:latest""#, added]),
    ("tag-and-digest", [#"replace /spec/containers/0/image "p.io/library/nginx:1.25@sha256:\#(sha)""#, added]),
    ("update-label-only", []),
    ("update-set-image", [#"replace /spec/containers/0/image "p.io/library/nginx:1.27""#, added]),
  ]

  @Test("The table contains every captured review")
  func complete() throws {
    let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../../examples/reviews")
    let files = try FileManager.default.contentsOfDirectory(atPath: folder.path)
    #expect(
      files.filter { $0.hasSuffix(".json") }.sorted() == CapturedReviewTests.table.map { $0.0 + ".json" }.sorted())
  }

  @Test("Each gets its patch, and no warning", arguments: table)
  func patches(_ name: String, _ patch: [String]) throws {
    let reply = try reply(to: captured(name), policy(CapturedReviewTests.mirrors))
    #expect(reply.patch == patch)
    #expect(reply.warnings.isEmpty && reply.podFault == nil)
    let sent = try #require(try JSONSerialization.jsonObject(with: Data(captured(name))) as? [String: Any])
    #expect(reply.response["uid"] as? String == (sent["request"] as? [String: Any])?["uid"] as? String)
  }

  @Test("A review of the patched pod gets no patch: the answer is idempotent", arguments: table.map(\.0))
  func idempotent(_ name: String) throws {
    let maps = [
      CapturedReviewTests.mirrors, "mirrors: {'*': '{registry}.p.io'}",
      "mirrors: {docker.io: docker.io/m, quay.io: docker.io}",
    ]
    for map in maps {
      let policy = try policy(map + "\nannotateOriginal: true\nimagePullSecrets: [corp, extra]")
      var review = try #require(try JSONSerialization.jsonObject(with: Data(captured(name))) as? [String: Any])
      var request = try #require(review["request"] as? [String: Any])
      let first = try reply(to: captured(name), policy)
      if first.operations.isEmpty { continue }
      request["object"] = try applied(first.operations, to: try #require(request["object"]))
      review["request"] = request
      let second = try reply(to: Array(try JSONSerialization.data(withJSONObject: review)), policy)
      #expect(second.patch.isEmpty)
    }
  }
}
