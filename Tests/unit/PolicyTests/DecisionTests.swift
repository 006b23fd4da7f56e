// Tables of decisions about image names: docs/design.md, The mutation (steps 2 and 5 to 8), what docs/configuration.md
// says about sources and targets, and what users of the original rely on.

import Policy
import Testing
import UnitTestSupport

@Suite("Mirrors")
struct MirrorTests {
  @Test(
    "The decisions match the table of the original's unit tests",
    arguments: [
      ("busybox:toto", "example.com/library/busybox:toto"), ("busybox", "example.com/library/busybox:latest"),
      ("toto/tata:titi", "example.com/toto/tata:titi"), ("toto/tata", "example.com/toto/tata:latest"),
      ("docker.io/toto/tata:titi", "example.com/toto/tata:titi"),
      ("docker.io/toto/tata", "example.com/toto/tata:latest"),
      ("docker.io/busybox", "example.com/library/busybox:latest"),
      ("docker.io/busybox:toto", "example.com/library/busybox:toto"),
      ("toto/tata/titi:tag", "example.com/toto/tata/titi:tag"),
      ("gcr.io/toto/tata:titi", nil), ("gcr.io/toto/tata", nil), ("example.org/toto:titi", nil),
      ("busybox@" + sha, "example.com/library/busybox@" + sha),
      ("busybox:toto@" + sha, "example.com/library/busybox:toto@" + sha),
    ] as [(String, String?)])
  func original(_ image: String, _ result: String?) throws {
    #expect(try policy(registryURL: "example.com").decide(image).image == result)
  }

  @Test(
    "The original's bugs are fixed",
    arguments: [
      ("quay.io/x/y", "no mirror"), ("localhost:5000/x", "no mirror"), ("localhost/x", "no mirror"),
      ("myregistry:5000/x", "no mirror"), ("", "empty"), ("nginx:", "invalid"), (" nginx", "invalid"),
      ("UPPER/case", "no mirror"), ("upper/Case", "invalid"), ("UPPER", "invalid"),
      ("registry.example.com/library/nginx:1", "already redirected"),
    ])
  func originalsBugs(_ image: String, _ word: String) throws {
    #expect(try policy(registryURL: "registry.example.com").decide(image).word == word)
  }

  @Test("A proxy without a dot is not put before its own results")
  func proxyWithoutDot() throws {
    let policy = try policy(registryURL: "proxy:5000")
    #expect(policy.decide("nginx").image == "proxy:5000/library/nginx:latest")
    #expect(policy.decide("proxy:5000/library/nginx:latest").word == "already redirected")
  }

  @Test(
    "Docker Hub is one registry with four names, in any case, with :443 and without",
    arguments: [
      "nginx", "library/nginx", "docker.io/nginx", "docker.io/library/nginx", "index.docker.io/nginx",
      "index.docker.io/library/nginx", "registry-1.docker.io/library/nginx", "registry-1.docker.io/nginx",
      "registry.hub.docker.com/library/nginx", "registry.hub.docker.com/nginx", "Docker.IO/library/nginx",
      "docker.io:443/library/nginx", "REGISTRY-1.docker.io:443/nginx", "INDEX.docker.io/nginx",
    ])
  func dockerHub(_ image: String) throws {
    for source in ["docker.io", "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com", "DOCKER.io:443"] {
      let policy = try policy(mirrors: [(source, "proxy.example.com")])
      #expect(policy.decide(image).image == "proxy.example.com/library/nginx:latest", "\(source)")
    }
  }

  @Test("The longest source decides, whatever the order", arguments: [false, true])
  func longest(_ reversed: Bool) throws {
    let mirrors = [
      ("*", "p.io/{registry}"), ("docker.io", "p.io"), ("docker.io/library", "p.io/official"),
      ("docker.io/library/nginx", "p.io/n"), ("docker.io/acme", "p.io/a"), ("docker.io/acme/team/long", "p.io/t"),
    ]
    let policy = try policy(mirrors: reversed ? mirrors.reversed() : mirrors)
    #expect(policy.decide("nginx").image == "p.io/n:latest")
    #expect(policy.decide("redis").image == "p.io/official/redis:latest")
    #expect(policy.decide("other/app").image == "p.io/other/app:latest")
    #expect(policy.decide("acme/app").image == "p.io/a/app:latest")
    #expect(policy.decide("acme/team/app").image == "p.io/a/team/app:latest")
    #expect(policy.decide("acme/team/long/app").image == "p.io/t/app:latest")
    #expect(policy.decide("quay.io/app").image == "p.io/quay.io/app:latest")
  }

  @Test(
    "Sources match whole components",
    arguments: [
      ("docker.io/bit", "bitnami/x", nil), ("docker.io/bit", "bit/x", "p.io/x:latest"),
      ("docker.io/bit", "bit/nami/x", "p.io/nami/x:latest"), ("docker.io/a/b", "a/bc", nil),
      ("docker.io/a/b", "a/b/c", "p.io/c:latest"), ("docker.io/a/b", "a", nil), ("docker.io/a/b", "docker.io/b", nil),
      ("quay.io", "quay.io.evil.com/x", nil), ("quay.io", "a.quay.io/x", nil), ("quay.io", "quay.io:5000/x", nil),
      ("quay.io", "quay.io/x", "p.io/x:latest"), ("quay.io:5000", "quay.io/x", nil),
      ("quay.io:5000", "quay.io:5000/x", "p.io/x:latest"), ("localhost", "localhost/x", "p.io/x:latest"),
      ("localhost", "localhost:5000/x", nil), ("localhost:5000", "localhost:5000/x", "p.io/x:latest"),
      ("[::1]:5000", "[::1]:5000/x", "p.io/x:latest"),
    ] as [(String, String, String?)])
  func components(_ source: String, _ image: String, _ result: String?) throws {
    #expect(try policy(mirrors: [(source, "p.io")]).decide(image).image == result)
  }

  @Test(
    "Domains compare without case, and :443 equals no port, on both sides",
    arguments: [
      ("quay.io", "QUAY.io/x"), ("Quay.IO", "quay.io/x"), ("quay.io:443", "quay.io/x"), ("quay.io", "quay.io:443/x"),
      ("QUAY.IO:443", "Quay.io/x"), ("HOST", "Host/x"),
    ])
  func sameDomain(_ source: String, _ image: String) throws {
    #expect(try policy(mirrors: [(source, "p.io")]).decide(image).image == "p.io/x:latest")
  }

  @Test("A source whose path has upper case is an error")
  func pathCase() {
    #expect(!problems("mirrors: {docker.io/Acme: p.io}").isEmpty)
  }

  @Test(
    "The result is the target, the rest of the path, and tag and digest as written; :latest only without both",
    arguments: [
      ("docker.io", "p.io/hub", "nginx:1.27", "p.io/hub/library/nginx:1.27"),
      ("docker.io", "p.io/hub", "nginx@" + sha, "p.io/hub/library/nginx@" + sha),
      ("docker.io", "p.io/hub", "nginx:1.27@" + sha, "p.io/hub/library/nginx:1.27@" + sha),
      ("docker.io", "p.io/hub", "nginx", "p.io/hub/library/nginx:latest"),
      ("docker.io/library", "p.io/official", "nginx:1", "p.io/official/nginx:1"),
      ("docker.io/library/nginx", "p.io/web", "nginx:1", "p.io/web:1"),
      ("docker.io/acme", "P.io:8443/A".lowercased(), "acme/x/y:1", "p.io:8443/a/x/y:1"),
      ("docker.io", "p.io/", "nginx:1", "p.io/library/nginx:1"),
      ("docker.io", "localhost", "nginx:1", "localhost/library/nginx:1"),
      ("docker.io", "[::1]:5000", "nginx:1", "[::1]:5000/library/nginx:1"),
      ("docker.io", "Proxy.Example.com", "nginx:1", "Proxy.Example.com/library/nginx:1"),
      ("docker.io", "p.io:443", "nginx:1", "p.io:443/library/nginx:1"),
      ("quay.io", "docker.io/mirror", "quay.io/x:1", "docker.io/mirror/x:1"),
      ("docker.io", "p.io", "REGISTRY-1.docker.io:443/nginx", "p.io/library/nginx:latest"),
      ("docker.io", "p.io", "index.docker.io/acme/app:1@" + sha, "p.io/acme/app:1@" + sha),
      ("docker.io", "p.io", "Docker.io/nginx:1@" + sha, "p.io/library/nginx:1@" + sha),
    ])
  func results(_ source: String, _ target: String, _ image: String, _ result: String) throws {
    let policy = try policy(mirrors: [(source, target)])
    #expect(policy.decide(image).image == result)
    #expect(policy.decide(result).word == "already redirected")
  }

  @Test(
    "The source * matches every other registry except localhost and registries with a port",
    arguments: [
      ("quay.io/x", "p.io/quay.io/x:latest"), ("gcr.io/a/b:1", "p.io/gcr.io/a/b:1"), ("Host/x", "p.io/host/x:latest"),
      ("QUAY.io/x", "p.io/quay.io/x:latest"), ("quay.io:443/x", "p.io/quay.io/x:latest"),
      ("10.0.0.1/x", "p.io/10.0.0.1/x:latest"), ("localhost/x", nil), ("localhost:5000/x", nil), ("h:5000/x", nil),
      ("quay.io:8443/x", nil), ("[::1]:5000/x", nil), ("nginx", "hub.io/library/nginx:latest"),
      ("k8s.gcr.io/x", "k.io/x:latest"), ("p.io/x", nil),
    ] as [(String, String?)])
  func star(_ image: String, _ result: String?) throws {
    let policy = try policy(mirrors: [("*", "p.io/{registry}"), ("docker.io", "hub.io"), ("k8s.gcr.io", "k.io")])
    #expect(policy.decide(image).image == result)
  }

  @Test("Without docker.io among the sources, * matches it too")
  func starAlone() throws {
    #expect(
      try policy(mirrors: [("*", "p.io/{registry}")]).decide("nginx").image == "p.io/docker.io/library/nginx:latest")
    #expect(try policy(mirrors: [("*", "p.io")]).decide("quay.io/x:1").image == "p.io/x:1")
  }

  @Test(
    "{registry} in a target stands for the image's domain, wherever it stands",
    arguments: [
      ("*", "p.io/{registry}", "quay.io/x:1", "p.io/quay.io/x:1"),
      ("*", "p.io/{registry}/cache", "quay.io/x:1", "p.io/quay.io/cache/x:1"),
      ("*", "p.io/proxy-{registry}", "quay.io/x:1", "p.io/proxy-quay.io/x:1"),
      ("*", "{registry}.p.io", "quay.io/x:1", "quay.io.p.io/x:1"),
      ("*", "{registry}.p.io:5000/a", "quay.io/x:1", "quay.io.p.io:5000/a/x:1"),
      ("*", "{registry}:8443", "quay.io/x:1", "quay.io:8443/x:1"),
      ("*", "{registry}.P.io", "quay.io/x:1", "quay.io.P.io/x:1"),
      ("*", "P.io:443/{registry}", "quay.io/x:1", "P.io:443/quay.io/x:1"),
      ("quay.io/acme", "p.io/{registry}/a", "quay.io/acme/x:1", "p.io/quay.io/a/x:1"),
      ("docker.io", "p.io/{registry}", "nginx:1", "p.io/docker.io/library/nginx:1"),
    ])
  func placeholder(_ source: String, _ target: String, _ image: String, _ result: String) throws {
    let policy = try policy(mirrors: [(source, target)])
    #expect(policy.decide(image).image == result)
    #expect(policy.decide(result).word == "already redirected")
  }

  @Test(
    "A text that is not an image name is left alone, for its own reason",
    arguments: [
      ("", "empty"), ("auto", "placeholder"), ("nginx:", "invalid"), ("NGINX", "invalid"), ("a b", "invalid"),
      (String(repeating: "a", count: 64), "image ID"), ("a_b.com/x", "no registry"), ("auto:1", "redirected"),
      ("library/auto", "redirected"), ("Auto", "invalid"),
    ])
  func unreadable(_ image: String, _ word: String) throws {
    #expect(try policy(mirrors: [("docker.io", "p.io"), ("*", "p.io/{registry}")]).decide(image).word == word)
  }

  @Test(
    "An image ID is sha256: and 64 lower-case hexadecimal digits, or the digits alone",
    arguments: [sha, digits, "sha256:\(mixedDigits)", mixedDigits])
  func imageIDs(_ image: String) throws {
    let policy = try policy(mirrors: [("*", "p.io/{registry}")])
    #expect(isImageID(image) && policy.decide(image).word == "image ID")
    #expect(policy.rulesConsidered(for: image) == [] && normalizedName(of: image) == nil)
  }

  @Test(
    "A name that resembles an image ID is redirected like every other",
    arguments: [
      "sha256", "sha256:\(digits.dropLast())", "\(sha)a", "\(sha.dropLast())A", "\(sha.dropLast())g",
      "sha512:\(digits)", "sha512:\(digits)\(digits)", "library/\(sha)", "docker.io/library/\(sha)", "sha256@\(sha)",
      "\(sha)@\(sha)", "\(digits.dropLast())", "\(digits)a",
    ])
  func likeImageIDs(_ image: String) throws {
    let policy = try policy(mirrors: [("*", "p.io/{registry}")])
    #expect(!isImageID(image) && policy.decide(image).word == "redirected")
  }

  @Test(
    "A text that resembles an image ID but is not a valid name is invalid",
    arguments: [
      "SHA256:\(digits)", "sha256:\(sha)", "sha256:", "\(digits.dropLast())A", "\(sha)\n", " \(sha)", ":\(digits)",
    ])
  func unlikeImageIDs(_ image: String) throws {
    #expect(try !isImageID(image) && policy(mirrors: [("docker.io", "p.io")]).decide(image).word == "invalid")
  }

  @Test("An image under any mirror's target stays, even if a source matches it")
  func underTarget() throws {
    let policy = try policy(mirrors: [
      ("docker.io", "quay.io/hub"), ("quay.io", "p.io"), ("gcr.io", "GHCR.io/a/b"), ("*", "all.io/{registry}"),
    ])
    for image in [
      "quay.io/hub/library/nginx:1", "quay.io/hub:1", "p.io/x", "P.IO/x", "p.io:443/x/y", "ghcr.io/a/b/c",
      "GHCR.IO/a/b/c",
      "all.io/quay.io/x", "all.io/quay.io",
    ] {
      #expect(policy.decide(image).word == "already redirected", "\(image)")
    }
    #expect(policy.decide("quay.io/hubble/x:1").image == "p.io/hubble/x:1")
    #expect(policy.decide("ghcr.io/a/bc:1").image == "all.io/ghcr.io/a/bc:1")
  }

  @Test("An image under a target is already redirected, even if an entry of ignoreimages matches it")
  func order() throws {
    let policy = try policy("mirrors: {docker.io: p.io}\nignoreimages: ['*']")
    #expect(policy.decide("p.io/library/nginx").word == "already redirected")
    #expect(policy.decide("nginx").word == "ignored")
    #expect(policy.decide("NGINX").word == "invalid")
    #expect(policy.decide("auto").word == "placeholder")
  }

  @Test("A result that is not a valid name is not used, but reported")
  func invalidResult() throws {
    let long = String(repeating: "a", count: 240)
    let policy = try policy(mirrors: [("docker.io", "p.io/a/very/long/path/to/somewhere"), ("quay.io/x", "p.io")])
    guard case .invalidResult(let image, let mirror) = policy.decide("acme/" + long) else {
      Issue.record("\(policy.decide("acme/" + long).word)")
      return
    }
    #expect(image == "p.io/a/very/long/path/to/somewhere/acme/\(long):latest")
    #expect(mirror.source == "docker.io")
    #expect(policy.decide("quay.io/x:1").word == "invalid result", "p.io:1 is another image, on Docker Hub")
    #expect(policy.decide("acme/" + long.prefix(200)).word == "redirected")
  }

  @Test(
    "A result is invalid if the target cannot contain the registry, or lacks a path",
    arguments: [
      ("h:5000", "p.io/{registry}", "h:5000/x"), ("[::1]:5000", "p.io/{registry}", "[::1]:5000/x"),
      ("h:5000", "{registry}:8443", "h:5000/x"), ("h:5000", "p.io/{registry}-x", "h:5000/x:1"),
      ("quay.io/x", "h:5000", "quay.io/x:1"), ("quay.io/x", "docker.io", "quay.io/x:1"),
    ])
  func noRoom(_ source: String, _ target: String, _ image: String) throws {
    #expect(try policy(mirrors: [(source, target)]).decide(image).word == "invalid result")
  }

  @Test("A decision names the mirror that made it, with its place")
  func reasons() throws {
    let policy = try policy("mirrors:\n  docker.io: p.io\n  quay.io: q.io/\n", options: ["gcr.io=g.io"])
    guard case .redirected(_, let file) = policy.decide("nginx"),
      case .redirected(_, let option) = policy.decide("gcr.io/x"),
      case .alreadyRedirected(let already) = policy.decide("q.io/x")
    else {
      Issue.record("not redirected")
      return
    }
    #expect(file.place.description == "config.yaml:2:3")
    #expect(file.source == "docker.io" && file.target == "p.io")
    #expect(option.place.description == "--mirror")
    #expect(already.place.description == "config.yaml:3:3")
    #expect(already.target == "q.io", "without its trailing slash")
  }

  @Test(
    "The normalised name is the one that rules match",
    arguments: [
      ("nginx", "docker.io/library/nginx:latest"), ("Registry-1.Docker.IO:443/nginx:1", "docker.io/library/nginx:1"),
      ("QUAY.io/a@" + sha, "quay.io/a@" + sha), ("a_b.com/x", "a_b.com/x:latest"), ("NGINX", nil), ("", nil),
    ] as [(String, String?)])
  func normalized(_ image: String, _ name: String?) {
    #expect(normalizedName(of: image) == name)
  }
}
