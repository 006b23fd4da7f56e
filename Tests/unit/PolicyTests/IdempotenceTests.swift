// The property that a second decision changes nothing, checked with the 800 names of the reference library's table and
// with mirrors that could cause loops.

import Configuration
import Foundation
import ImageReference
import Policy
import Testing
import UnitTestSupport

private struct Row: Decodable {
  let reference: String
}

private func names() throws -> [String] {
  let file = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../ImageReferenceTests/references.jsonl")
  return try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
    .map { try JSONDecoder().decode(Row.self, from: Data($0.utf8)).reference }
}

private let maps: [[(String, String)]] = [
  [("docker.io", "proxy.example.com")],
  [("docker.io", "proxy:5000")],
  [("docker.io", "docker.io/mirror"), ("quay.io", "docker.io/quay")],
  [("*", "p.io/{registry}")],
  [("*", "{registry}.p.io")],
  [("*", "{registry}.p.io:5000/a"), ("docker.io", "P.io")],
  [("*", "quay.io"), ("quay.io", "gcr.io"), ("gcr.io", "docker.io/x"), ("docker.io", "p.io:443")],
  [("docker.io/library", "p.io/official"), ("docker.io/a", "docker.io/library"), ("localhost", "p.io/l")],
  [("*", "p.io/{registry}"), ("docker.io", "registry-1.docker.io/cache"), ("quay.io", "localhost:5000/q")],
  [("*", "Example.com/proxy-{registry}/x"), ("reg:5000", "example.com")],
]

@Suite("Idempotence")
struct IdempotenceTests {
  @Test("The result of a decision is not redirected again", arguments: maps.indices)
  func twice(_ map: Int) throws {
    let policy = try policy(mirrors: maps[map])
    var redirected = 0
    for name in try names() {
      guard let image = policy.decide(name).image else { continue }
      redirected += 1
      #expect(policy.decide(image).word == "already redirected", "\(name) to \(image)")
    }
    #expect(redirected > 30, "the policy has something to do")
  }

  @Test("A result is valid, is under its target, and keeps tag and digest", arguments: maps.indices)
  func results(_ map: Int) throws {
    let policy = try policy(mirrors: maps[map])
    for name in try names() {
      guard case .redirected(let image, let mirror) = policy.decide(name) else { continue }
      let before = try ImageReference(name)
      let after = try ImageReference(image)
      #expect(after.full == image, "\(image) is written out")
      #expect(after.suffix == before.fullSuffix)
      let head = mirror.target.prefix { $0 != "{" }
      #expect(image.hasPrefix(head))
    }
  }

  @Test("The rules that an explanation lists are those that decide", arguments: maps.indices)
  func considered(_ map: Int) throws {
    var configuration = Configuration()
    let mirrors = maps[map].map { "  \"\($0.0)\": \"\($0.1)\"\n" }.joined()
    configuration.add(file: "c", Array("mirrors:\n\(mirrors)ignoreimages: ['*/b*', '*:tag']\n".utf8))
    let policy = try configuration.policy()
    for name in try names() {
      let deciding = policy.rulesConsidered(for: name).first(where: \.matches)?.rule
      switch policy.decide(name) {
      case .redirected(_, let mirror), .invalidResult(_, let mirror): #expect(deciding == .source(mirror), "\(name)")
      case .alreadyRedirected(let mirror): #expect(deciding == .target(mirror), "\(name)")
      case .ignored(let rule): #expect(deciding == .ignored(rule), "\(name)")
      case .empty, .placeholder, .imageID, .invalid, .noRegistry, .noMirror: #expect(deciding == nil, "\(name)")
      }
    }
  }

  @Test("An invalid name is never redirected, and neither is a name without a mirror")
  func others() throws {
    let policy = try policy(mirrors: [("docker.io", "p.io")])
    for name in try names() {
      let reference = try? ImageReference(name)
      let isHub = reference?.domain.map { ["docker.io", "registry-1.docker.io"].contains($0.lowercased()) } ?? false
      #expect((policy.decide(name).image != nil) == isHub, "\(name)")
    }
  }
}
