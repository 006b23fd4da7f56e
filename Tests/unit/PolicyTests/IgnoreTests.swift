// The setting ignoreimages: entries without `*` are images, entries with `*` are patterns.

import Policy
import Testing
import UnitTestSupport

private func isIgnored(_ image: String, by entry: String) throws -> Bool {
  let policy = try policy("mirrors: {'*': 'p.io/{registry}'}\nignoreimages: ['\(entry)']")
  switch policy.decide(image).word {
  case "ignored": return true
  case "redirected": return false
  case let word:
    Issue.record("\(image) is \(word)")
    return false
  }
}

@Suite("Ignored images")
struct IgnoreTests {
  @Test(
    "An entry without * is normalised as an image name; without tag and digest it matches every one",
    arguments: [
      ("registry", "registry", true), ("registry", "registry:2", true), ("registry", "registry@" + sha, true),
      ("registry", "registry:2@" + sha, true), ("registry", "library/registry:2", true),
      ("registry", "docker.io/registry", true), ("registry", "index.docker.io/library/registry", true),
      ("registry", "registry-1.docker.io/library/registry", true), ("registry", "DOCKER.io:443/registry", true),
      ("registry", "acme/registry", false), ("registry", "registry2", false), ("registry", "quay.io/registry", false),
      ("registry", "registry/x", false), ("acme/app", "acme/app:1", true), ("acme/app", "acme/app/x", false),
      ("docker.io/library/registry", "registry", true), ("quay.io/a", "QUAY.io:443/a:1", true),
      ("QUAY.io/a", "quay.io/a", true), ("quay.io/a", "quay.io/a-b", false),
    ])
  func images(_ entry: String, _ image: String, _ ignored: Bool) throws {
    #expect(try isIgnored(image, by: entry) == ignored)
  }

  @Test(
    "An entry with a tag or a digest matches only that",
    arguments: [
      ("nginx:1.19", "nginx:1.19", true), ("nginx:1.19", "nginx", false), ("nginx:1.19", "nginx:1.19.1", false),
      ("nginx:1.19", "nginx:1.20", false), ("nginx:1.19", "nginx@" + sha, false),
      ("nginx:1.19", "nginx:1.19@" + sha, true), ("nginx:latest", "nginx", true),
      ("nginx:latest", "nginx:latest", true),
      ("nginx:latest", "nginx@" + sha, false), ("nginx:latest", "nginx:1", false),
      ("nginx@" + sha, "nginx@" + sha, true),
      ("nginx@" + sha, "nginx:1@" + sha, true), ("nginx@" + sha, "nginx", false),
      ("nginx@" + sha, "nginx@" + sha.dropLast() + "b", false), ("nginx:1@" + sha, "nginx:1@" + sha, true),
      ("nginx:1@" + sha, "nginx@" + sha, false), ("nginx:1@" + sha, "nginx:1", false),
      ("nginx:latest", "registry-1.docker.io/nginx", true), ("nginx:1", "DOCKER.io:443/nginx", false),
      ("nginx:1@" + sha, "registry-1.docker.io/nginx:1@" + sha, true),
    ])
  func tags(_ entry: String, _ image: String, _ ignored: Bool) throws {
    #expect(try isIgnored(image, by: entry) == ignored)
  }

  @Test(
    "A pattern gets docker.io/ unless its first component is a domain or has a *, and * matches any characters, / too",
    arguments: [
      ("acme/*", "acme/app", true), ("acme/*", "acme/team/app:1", true), ("acme/*", "docker.io/acme/app@" + sha, true),
      ("acme/*", "quay.io/acme/app", false), ("acme/*", "acmes/app", false), ("acme/*", "acme", false),
      ("*:dev", "nginx:dev", true), ("*:dev", "quay.io/a/b:dev", true), ("*:dev", "nginx:dev2", false),
      ("*:dev", "nginx:dev@" + sha, true), ("*:dev", "nginx", false), ("*:latest", "nginx", true),
      ("*:latest", "nginx@" + sha, false), ("*@sha256:*", "nginx:1@" + sha, true), ("*@sha256:*", "nginx:1", false),
      ("*", "nginx", true), ("*", "quay.io/x", true), ("**", "nginx", true), ("*/app", "quay.io/a/app:1", true),
      ("*/app", "acme/app", true), ("*/app", "acme/app2", false), ("*/*/app", "acme/app", true),
      ("quay.io/*", "quay.io/x", true), ("quay.io/*", "quay.io:443/x", true), ("QUAY.io/*", "quay.io/x", true),
      ("quay.io/*", "gcr.io/x", false), ("quay.io:443/*", "quay.io/x", true), ("*.gcr.io/*", "eu.gcr.io/a", true),
      ("*.gcr.io/*", "gcr.io/a", false), ("*gcr.io/*", "gcr.io/a", true), ("index.docker.io/acme/*", "acme/x", true),
      ("nginx:*", "nginx", true), ("nginx:*", "nginx:1", true), ("nginx:*", "acme/nginx:1", false),
      ("nginx:1.*", "nginx:1.27", true), ("nginx:1.*", "nginx:2.1", false), ("library/*", "nginx", true),
      ("acme/*-dev", "acme/app-dev:1", true), ("acme/*-dev", "acme/app:1-dev", true), ("acme/*-dev", "acme/dev", false),
      ("acme/a*b*c:1*", "acme/axbyc:12", true), ("acme/a*b*c:1*", "acme/axcyb:12", false),
      ("docker.io/*", "quay.io/docker.io/x", false), ("*nginx", "nginx:1", true), ("*nginx", "nginx:nginx", true),
      ("*nginx", "nginx-x:1", false), ("nginx@sha256:*", "nginx:1@" + sha, true), ("nginx:1*", "nginx:1@" + sha, true),
      ("acme/*:1@sha256:*a", "acme/app:1@" + sha, true), ("acme/*:1@sha256:*b", "acme/app:1@" + sha, false),
    ])
  func patterns(_ entry: String, _ image: String, _ ignored: Bool) throws {
    #expect(try isIgnored(image, by: entry) == ignored)
  }

  @Test("A pattern with many * is matched in bounded time")
  func patternsAreBounded() throws {
    let pattern = "acme/" + String(repeating: "a*", count: 60) + "b"
    #expect(try !isIgnored("acme/" + String(repeating: "a", count: 200), by: pattern))
  }

  @Test("An ignored image names the rule that matched, with its place")
  func reason() throws {
    let policy = try policy("mirrors: {docker.io: p.io}\nignoreimages:\n  - redis\n  - acme/*\n")
    guard case .ignored(let rule) = policy.decide("acme/app") else {
      Issue.record("not ignored")
      return
    }
    #expect(rule.text == "acme/*")
    #expect(rule.place.description == "config.yaml:4:5")
  }

  @Test(
    "An entry that is neither an image nor a pattern is an error",
    arguments: ["NGINX", "nginx:", "nginx 1", "a_b.com/x", "é*", "a b*", "a//b"])
  func invalid(_ entry: String) {
    let problems = problems("mirrors: {docker.io: p.io}\nignoreimages: ['\(entry)']")
    #expect(problems.count == 1)
    #expect(problems.first?.hasPrefix("config.yaml:2:16: ") == true)
  }
}
