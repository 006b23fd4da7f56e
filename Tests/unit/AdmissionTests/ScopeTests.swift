// Which reviews are looked at, and which pods are left alone as a whole: the rules of docs/design.md, one by one.

import Admission
import Testing

private let pods = #"{"group":"","version":"v1","resource":"pods"}"#
private let podKind = #"{"group":"","version":"v1","kind":"Pod"}"#

@Suite("Reviews that are looked at")
struct ReviewedTests {
  @Test(
    "The request's resource says whether the object is a pod, else its kind, else the object's own kind",
    arguments: [
      (pods, podKind, true), (pods, nil, true), (nil, podKind, true), ("null", "null", true), (nil, nil, true),
      (#"{"version":"v1","resource":"pods"}"#, nil, true), (#"{"resource":"pods"}"#, nil, true),
      (#"{"group":null,"version":"v1","resource":"pods"}"#, nil, true),
      (#"{"group":"metrics.k8s.io","version":"v1beta1","resource":"pods"}"#, nil, false),
      (#"{"group":"metrics.k8s.io","version":"v1beta1","resource":"pods"}"#, podKind, false),
      (#"{"group":"apps","version":"v1","resource":"pods"}"#, nil, false),
      (
        #"{"group":"apps","version":"v1","resource":"deployments"}"#,
        #"{"group":"apps","version":"v1","kind":"Deployment"}"#, false
      ),
      (
        #"{"group":"","version":"v1","resource":"namespaces"}"#, #"{"group":"","version":"v1","kind":"Namespace"}"#,
        false
      ),
      (nil, #"{"group":"apps","version":"v1","kind":"Deployment"}"#, false),
      (nil, #"{"group":"metrics.k8s.io","version":"v1beta1","kind":"Pod"}"#, false),
      (pods, #"{"group":"","version":"v1","kind":"EphemeralContainers"}"#, false),
    ] as [(String?, String?, Bool)])
  func identity(_ resource: String?, _ kind: String?, _ isPod: Bool) throws {
    var review = ReviewText(pod())
    review.resource = resource
    review.requestKind = kind
    let reply = try reply(to: review)
    #expect(reply.patch.isEmpty != isPod)
    #expect(reply.notReviewed == (isPod ? nil : .notAPod))
    #expect(reply.warnings.isEmpty)
  }

  @Test("If neither request nor object says Pod, the object is not a pod")
  func noIdentity() throws {
    for object in [#"{"kind":"Deployment","spec":{}}"#, #"{"spec":{"containers":[{"image":"nginx"}]}}"#, "{}"] {
      var review = ReviewText(object)
      review.resource = nil
      review.requestKind = nil
      #expect(try reply(to: review).notReviewed == .notAPod)
    }
  }

  @Test(
    "The object's kind may be absent or null if the request says that it is a pod",
    arguments: ["", #""kind":null,"#])
  func objectWithoutKind(_ kind: String) throws {
    let reply = try reply(to: #"{\#(kind)"spec":{"containers":[{"name":"a","image":"nginx:1"}]}}"#)
    #expect(reply.images == [#"replace /spec/containers/0/image "p.io/library/nginx:1""#])
  }

  @Test(
    "CREATE and UPDATE are looked at, and a missing operation means CREATE",
    arguments: [
      (#""CREATE""#, true), (#""UPDATE""#, true), (nil, true), ("null", true), (#""DELETE""#, false),
      (#""CONNECT""#, false),
      (#""create""#, false), (#""PATCH""#, false),
    ] as [(String?, Bool)])
  func operations(_ operation: String?, _ isReviewed: Bool) throws {
    var review = ReviewText(pod())
    review.operation = operation
    let reply = try reply(to: review)
    #expect(reply.patch.isEmpty != isReviewed)
    #expect(reply.notReviewed == (isReviewed ? nil : .operation))
  }

  @Test(
    "Only the pod itself and its ephemeralcontainers are looked at",
    arguments: [
      (nil, true), ("null", true), (#""""#, true), (#""resize""#, false), (#""status""#, false), (#""binding""#, false),
      (#""eviction""#, false), (#""proxy""#, false), (#""EphemeralContainers""#, false),
    ] as [(String?, Bool)])
  func subresources(_ subresource: String?, _ isReviewed: Bool) throws {
    for operation in [#""CREATE""#, #""UPDATE""#] {
      var review = ReviewText(pod())
      review.subresource = subresource
      review.operation = operation
      let reply = try reply(to: review)
      #expect(reply.patch.isEmpty != isReviewed)
      #expect(reply.notReviewed == (isReviewed ? nil : .subresource))
    }
  }

  @Test("A pod's binding is left alone, because it is of another kind")
  func binding() throws {
    var review = ReviewText(#"{"kind":"Binding","target":{"kind":"Node","name":"n"}}"#)
    review.requestKind = #"{"group":"","version":"v1","kind":"Binding"}"#
    review.subresource = #""binding""#
    let reply = try reply(to: review)
    #expect(reply.patch.isEmpty && reply.podFault == nil && reply.warnings.isEmpty)
  }

  @Test("Without an object there is nothing to look at", arguments: [nil, "null"] as [String?])
  func noObject(_ object: String?) throws {
    #expect(try reply(to: ReviewText(object)).notReviewed == .noObject)
  }

  @Test("A pod that is being deleted is left alone")
  func beingDeleted() throws {
    let reply = try reply(to: pod(#""deletionTimestamp":"2026-11-24T03:40:36Z""#))
    #expect(reply.notReviewed == .beingDeleted)
    #expect(reply.patch.isEmpty)
  }

  @Test("A deletionTimestamp of null counts as absent")
  func notBeingDeleted() throws {
    #expect(try reply(to: pod(#""deletionTimestamp":null"#)).images.count == 1)
  }

  @Test("The explanation of a review that is not looked at has six columns")
  func explained() {
    #expect(NotReviewed.notAPod.explanation == "review\t-\t-\tleft alone: not a pod\t-\t-")
  }
}

@Suite("Pods that are left alone")
struct ScopeTests {
  private let mirrors = "mirrors: {docker.io: p.io}\n"

  @Test(
    "The mirror pod of a static pod is left alone, whatever its annotation's value",
    arguments: ["true", "", "4ad0a2bb"])
  func mirrorPod(_ value: String) throws {
    let reply = try reply(to: pod(#""annotations":{"kubernetes.io/config.mirror":"\#(value)"}"#))
    #expect(reply.patch.isEmpty && reply.warnings.isEmpty)
    #expect(reply.decisions == ["containers[0] left alone: the mirror pod of a static pod"])
  }

  @Test("Other annotations of static pods have no effect")
  func staticPod() throws {
    let reply = try reply(
      to: pod(#""annotations":{"kubernetes.io/config.source":"api","kubernetes.io/config.mirror":null}"#))
    #expect(reply.patch.count == 2)
  }

  @Test(
    "A pod opts out with the label or the annotation of value true",
    arguments: [
      #""labels":{"k8s-proxy-image-swapper/skip":"true"}"#, #""annotations":{"k8s-proxy-image-swapper/skip":"true"}"#,
      #""labels":{"k8s-proxy-image-swapper/skip":"true"},"annotations":{"k8s-proxy-image-swapper/skip":"no"}"#,
      #""labels":{"k8s-proxy-image-swapper/skip":"x"},"annotations":{"k8s-proxy-image-swapper/skip":"true"}"#,
      #""labels":{"k8s-proxy-image-swapper\u002fskip":"tru\u0065"}"#,
    ])
  func optOut(_ metadata: String) throws {
    let reply = try reply(to: pod(metadata))
    #expect(reply.patch.isEmpty && reply.warnings.isEmpty)
    #expect(reply.decisions == ["containers[0] left alone: opted out"])
  }

  @Test(
    "Any other value has no effect, and causes a warning",
    arguments: ["labels", "annotations"], ["false", "True", "", "yes", "1", "true "])
  func badOptOut(_ map: String, _ value: String) throws {
    let reply = try reply(to: pod(#""\#(map)":{"k8s-proxy-image-swapper/skip":"\#(value)"}"#))
    #expect(reply.images.count == 1)
    #expect(
      reply.warnings == [
        "pisw: the \(map.dropLast()) k8s-proxy-image-swapper/skip does nothing: its only value is \"true\""
      ])
  }

  @Test("A skip label of null counts as absent")
  func nullOptOut() throws {
    let reply = try reply(to: pod(#""labels":{"k8s-proxy-image-swapper/skip":null}"#))
    #expect(reply.images.count == 1 && reply.warnings.isEmpty)
  }

  @Test(
    "The request's namespace decides about an exclusion, else the object's",
    arguments: [
      ("kube-system", #""kube-system""#, nil, true), ("kube-system", nil, "kube-system", true),
      ("kube-system", "null", "kube-system", true), ("kube-system", #""default""#, "kube-system", false),
      ("kube-system", #""kube-system""#, "default", true), ("kube-system", nil, nil, false),
      ("kube-system", #""kube-systems""#, nil, false), ("kube-*", #""kube-public""#, nil, true),
      ("*", #""x""#, nil, true), ("kube-system", #""""#, "kube-system", true),
    ] as [(String, String?, String?, Bool)])
  func namespaces(_ pattern: String, _ request: String?, _ object: String?, _ isExcluded: Bool) throws {
    var review = ReviewText(pod(object.map { #""namespace":"\#($0)""# } ?? #""name":"p""#))
    review.namespace = request
    let reply = try reply(to: review, mirrors + "exclude: {namespaces: ['\(pattern)']}")
    #expect(reply.patch.isEmpty == isExcluded)
    #expect(reply.decisions == ["containers[0] " + (isExcluded ? "left alone: excluded" : "redirected")])
    #expect(reply.warnings.isEmpty)
  }

  @Test(
    "A label excludes a pod by its value",
    arguments: [
      (#"{"cnpg.io/cluster":"a"}"#, true), (#"{"cnpg.io/cluster":""}"#, true), (#"{"cnpg.io/cluster":null}"#, false),
      (#"{"cnpg.io/clusters":"a"}"#, false), (#"{"app":"db"}"#, true), (#"{"app":"db2"}"#, false), ("{}", false),
      (#"{"app":"web","cnpg.io/cluster":"a"}"#, true), ("null", false), (#"{"":"kube-system"}"#, false),
    ])
  func labels(_ labels: String, _ isExcluded: Bool) throws {
    let reply = try reply(
      to: pod(#""labels":\#(labels)"#),
      mirrors + "exclude: {namespaces: [kube-system], labels: {cnpg.io/cluster: '*', app: db}}")
    #expect(reply.patch.isEmpty == isExcluded)
  }

  @Test(
    "Each value of a label's list excludes a pod, and the explanation names the value that matched",
    arguments: [
      ("spilo", 12), ("longhorn-manager", 19), ("", 37), ("db-1", 41), ("db", nil), ("web", nil), ("longhorn", nil),
    ] as [(String, Int?)])
  func severalValues(_ value: String, _ column: Int?) throws {
    let reply = try reply(
      to: pod(#""labels":{"app":"\#(value)"}"#),
      mirrors + "exclude:\n  labels:\n    app: [ spilo, longhorn-manager, '', db-* ]\n    tier: [gold]")
    let rule = reply.explanation.first?.split(separator: "\t")[4]
    #expect(
      rule.map(String.init)
        == (column.map { "exclude.labels app at config.yaml:4:\($0)" } ?? "mirror docker.io at config.yaml:1:11"))
  }

  @Test("An exclusion may name the skip label with another value")
  func skipLabelExcluded() throws {
    let reply = try reply(
      to: pod(#""labels":{"k8s-proxy-image-swapper/skip":"please"}"#),
      mirrors + "exclude: {labels: {k8s-proxy-image-swapper/skip: please}}")
    #expect(reply.patch.isEmpty)
  }

  @Test(
    "An owner excludes a pod by its group and kind",
    arguments: [
      (#"[{"apiVersion":"postgresql.cnpg.io/v1","kind":"Cluster"}]"#, true),
      (#"[{"apiVersion":"postgresql.cnpg.io/v2beta1","kind":"Cluster"}]"#, true),
      (#"[{"apiVersion":"other.io/v1","kind":"Cluster"}]"#, false), (#"[{"apiVersion":"v1","kind":"Cluster"}]"#, false),
      (#"[{"apiVersion":"postgresql.cnpg.io/v1","kind":"Pooler"}]"#, false),
      (#"[{"apiVersion":"v1","kind":"Node"}]"#, true), (#"[{"apiVersion":"apps/v1","kind":"Node"}]"#, false),
      (#"[{"apiVersion":"apps/v1","kind":"ReplicaSet"},{"kind":"Node","apiVersion":"v1"}]"#, true),
      (#"[{"apiVersion":"nifi.io/v1","kind":"NifiCluster"}]"#, true), ("[]", false), ("null", false), ("[{}]", false),
    ])
  func owners(_ owners: String, _ isExcluded: Bool) throws {
    let reply = try reply(
      to: pod(#""ownerReferences":\#(owners)"#),
      mirrors + "exclude: {owners: [postgresql.cnpg.io/Cluster, Node, 'nifi.io/*']}")
    #expect(reply.patch.isEmpty == isExcluded)
    #expect(reply.podFault == nil)
  }

  @Test("The explanation names the exclusion and where it was written")
  func explanation() throws {
    let reply = try reply(
      to: pod(#""labels":{"cnpg.io/cluster":"secret"}"#), mirrors + "exclude: {labels: {cnpg.io/cluster: '*'}}")
    #expect(
      reply.explanation == [
        "containers[0] (web)\tnginx\tdocker.io/library/nginx:latest\tleft alone: excluded\t"
          + "exclude.labels cnpg.io/cluster at config.yaml:2:20\tnginx"
      ])
  }

  @Test("Each of seventy exclusions takes effect")
  func manyExclusions() throws {
    let labels = (0..<70).map { "l\($0): v" }.joined(separator: ", ")
    for i in [0, 1, 62, 63, 64, 69] {
      #expect(try reply(to: pod(#""labels":{"l\#(i)":"v"}"#), mirrors + "exclude: {labels: {\(labels)}}").patch.isEmpty)
    }
    #expect(try !reply(to: pod(#""labels":{"l70":"v"}"#), mirrors + "exclude: {labels: {\(labels)}}").patch.isEmpty)
  }
}
