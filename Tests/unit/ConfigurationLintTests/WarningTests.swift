// Warnings about valid configurations, and configurations without warnings.

import Configuration
import ConfigurationLint
import Policy
import Testing

private func policy(_ yaml: String) throws -> SwapPolicy {
  var configuration = Configuration()
  configuration.add(file: "c", Array(yaml.utf8))
  return try configuration.policy()
}

private func warnings(_ yaml: String) throws -> [String] { try policy(yaml).warnings.map(\.description) }

private let hub = "mirrors: {docker.io: p.io}\n"

@Suite("Warnings")
struct WarningTests {
  @Test(
    "A rule that has an effect causes no warning",
    arguments: [
      hub, "mirrors: {docker.io: p.io, docker.io/library: p.io/official, quay.io: p.io/quay, '*': 'p.io/{registry}'}",
      "mirrors: {'*': '{registry}.p.io', docker.io: p.io/d}",
      "mirrors: {docker.io: registry.example, '*': 'p.io/{registry}'}",
      hub + "ignoreimages: [nginx, 'nginx2:*', 'a/*', '*:dev', docker.io/b/c, '*']",
      hub + "ignoreimages: ['*@sha256:*', 'docker.io/library/n*', 'doc*']",
      hub + "ignoreimages: ['nginx:1', 'nginx:2', nginx]",
      "mirrors: {'*': 'p.io/{registry}'}\nignoreimages: [quay.io/a/b, 'gcr.io/*', '*:5000/x']",
      "mirrors: {'localhost:5000': p.io}\nignoreimages: ['localhost:5000/*']",
      "mirrors: {docker.io/a/b: p.io}\nignoreimages: ['a/b:*', a/b]",
      hub + "exclude: {namespaces: [kube-system, '*-infra'], labels: {a.io/b_c: '*', d: ''}}",
      hub + "exclude: {owners: [a.b/C, D, '*/E']}",
    ])
  func none(_ yaml: String) throws {
    #expect(try warnings(yaml) == [])
  }

  @Test(
    "Mirrors that shadow each other, are redundant, collide or could loop",
    arguments: [
      (
        "{quay.io: gcr.io, gcr.io: p.io}",
        ["c:1:28: can never match: its source is under the target of mirror quay.io at c:1:11, where images stay"]
      ),
      (
        "{'*': 'p.io/{registry}', p.io/quay.io: q.io}",
        [
          "c:1:35: can never match: its source is under the target of mirror * at c:1:11, where images stay"
        ]
      ),
      (
        "{'*': 'p.io/{registry}', p.io: q.io}",
        [
          "c:1:35: can never match: its source is under the target of mirror * at c:1:11, where images stay"
        ]
      ),
      (
        "{'*': 'p.io/o{registry}', p.io: q.io}",
        [
          "c:1:11: its target is under the source of mirror p.io at c:1:36: every image there counts as redirected, and stays"
        ]
      ),
      (
        "{docker.io: index.docker.io}",
        ["c:1:11: never redirects: its source is under its own target, where images stay"]
      ),
      (
        "{docker.io: docker.io/mirror}",
        ["c:1:11: its target is under its own source: every image there counts as redirected, and stays"]
      ),
      (
        "{docker.io: quay.io/x, quay.io: p.io}",
        [
          "c:1:11: its target is under the source of mirror quay.io at c:1:33: every image there counts as redirected, and stays"
        ]
      ),
      (
        "{docker.io: p.io, docker.io/library: p.io/library}",
        ["c:1:28: redundant: mirror docker.io at c:1:11 gives the same results"]
      ),
      (
        "{'*': 'p.io/{registry}', quay.io: p.io/quay.io}",
        ["c:1:35: redundant: mirror * at c:1:11 gives the same results"]
      ),
      (
        "{docker.io: p.io, quay.io: 'P.io:443'}",
        [
          "c:1:28: has the same target as mirror docker.io at c:1:11: images of both get the same names, correct only if the proxy looks in both"
        ]
      ),
      (
        "{'*': p.io}",
        [
          "c:1:11: without {registry} in the target, images of different registries get the same names: correct only if the proxy looks in all of them"
        ]
      ),
      (
        "{'reg:5000': '{registry}.p.io'}",
        ["c:1:11: never redirects: its results are not valid image names, for instance \"reg:5000.p.io/team/app:1.0\""]
      ),
    ])
  func mirrors(_ map: String, _ expected: [String]) throws {
    #expect(try warnings("mirrors: " + map) == expected)
  }

  @Test(
    "Entries of ignoreimages that have no effect",
    arguments: [
      ("[quay.io/a]", ["c:2:16: has no effect: no mirror's source matches such an image"]),
      ("['quay.io/*']", ["c:2:16: has no effect: no mirror's source matches such an image"]),
      ("['quay.*/a:1']", ["c:2:16: has no effect: no mirror's source matches such an image"]),
      (
        "[p.io/a/b]",
        ["c:2:16: has no effect: it is under the target of mirror docker.io at c:1:11, where images stay anyway"]
      ),
      (
        "['p.io/a/*:x']",
        ["c:2:16: has no effect: it is under the target of mirror docker.io at c:1:11, where images stay anyway"]
      ),
      ("[a/b, docker.io/a/b]", ["c:2:21: redundant: the entry at c:2:16 already ignores all of these images"]),
      ("[a/b, 'a/b:1']", ["c:2:21: redundant: the entry at c:2:16 already ignores all of these images"]),
      ("[a/b, 'a/b:*']", ["c:2:21: redundant: the entry at c:2:16 already ignores all of these images"]),
      ("['a/*', a/b]", ["c:2:23: redundant: the entry at c:2:16 already ignores all of these images"]),
      ("['*:dev', 'a/*:dev']", ["c:2:25: redundant: the entry at c:2:16 already ignores all of these images"]),
    ])
  func ignored(_ list: String, _ expected: [String]) throws {
    #expect(try warnings(hub + "ignoreimages: " + list) == expected)
  }

  @Test(
    "The source * matches neither registries with a port nor localhost", arguments: ["localhost:5000/x", "localhost/*"])
  func local(_ entry: String) throws {
    #expect(
      try warnings("mirrors: {'*': 'p.io/{registry}'}\nignoreimages: ['\(entry)']")
        == ["c:2:16: has no effect: no mirror's source matches such an image"])
  }

  @Test(
    "Exclusions that no pod can match",
    arguments: [
      ("namespaces: [Kube_System]", "\"Kube_System\" is not a namespace's name (lower-case letters, digits and -)"),
      ("labels: {'a/b/c': x}", "\"a/b/c\" is not a label's key ([domain/]name)"),
      ("labels: {'': x}", "\"\" is not a label's key ([domain/]name)"),
      ("labels: {a: ['x y']}", "\"x y\" is not a label's value (letters, digits, -, _ and .)"),
      ("labels: {a: 'x y'}", "\"x y\" is not a label's value (letters, digits, -, _ and .)"),
      (
        "owners: [apps/v1/ReplicaSet]",
        "an owner is group/Kind, without a version; write for instance \"apps/ReplicaSet\""
      ),
      ("owners: [/Pod]", "\"/Pod\" is not an owner (group/Kind or Kind)"),
    ])
  func exclusions(_ entry: String, _ problem: String) throws {
    let found = try warnings(hub + "exclude: {" + entry + "}")
    #expect(found.count == 1 && found[0].hasSuffix(": can never match: " + problem), "\(found)")
  }

  @Test("Exclusions that other exclusions include")
  func repeated() throws {
    #expect(
      try warnings(hub + "exclude: {labels: {a: ['b*', c, b1], d: b1}}") == [
        "c:2:33: redundant: the entry at c:2:24 already excludes all of these pods"
      ])
    #expect(
      try warnings(hub + "exclude: {namespaces: ['kube-*', kube-system], owners: [B, A, B]}") == [
        "c:2:34: redundant: the entry at c:2:24 already excludes all of these pods",
        "c:2:63: redundant: the entry at c:2:57 already excludes all of these pods",
      ])
  }

  @Test("To leave out an entry with a warning changes no decision")
  func withoutEffect() throws {
    let images = [
      "nginx", "nginx:1", "nginx:dev", "a/b", "a/b:1", "a/b:dev", "quay.io/a", "quay.io/a/b:1", "p.io/a/b",
      "p.io/a/c:x", "p.io/quay.io/x", "gcr.io/x/y", "localhost:5000/x",
    ]
    for entries in [
      ["quay.io/a", "p.io/a/b", "p.io/a/*:x"], ["a/b", "a/b:1", "docker.io/a/*"], ["*:dev", "a/*:dev", "nginx", "n*"],
    ] {
      let whole = try ignoring(entries)
      #expect(!whole.warnings.isEmpty)
      for warning in whole.warnings {
        let less = try ignoring(zip(entries, whole.ignored).filter { $0.1.place != warning.place }.map(\.0))
        for image in images {
          #expect(less.decide(image).redirected == whole.decide(image).redirected, "\(image) without \(warning)")
        }
      }
    }
  }

  private func ignoring(_ entries: [String]) throws -> SwapPolicy {
    try policy(hub + "ignoreimages:\n" + entries.map { "- '\($0)'\n" }.joined())
  }
}

extension Decision {
  fileprivate var redirected: String? {
    if case .redirected(let image, _) = self { image } else { nil }
  }
}
