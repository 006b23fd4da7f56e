// The rules that result from the file, the variables and `--mirror`: which of them takes precedence, and that all
// errors are reported at once, each with its place.

import Configuration
import Policy
import Testing
import UnitTestSupport

@Suite("Where mirrors come from")
struct SourcesTests {
  @Test("A configuration without any input differs from one with an empty file")
  func nothing() throws {
    #expect(Configuration().isEmpty)
    for yaml in ["", "# nothing\n", "{}", "null", "mirrors:\n", "mirrors: {}\nignoreimages: []\nexclude:\n"] {
      #expect(try policy(yaml).mirrors.isEmpty, "\(yaml)")
    }
    for fill in [
      { $0.add(file: "f", []) }, { $0.add(registryURL: "", proxyURL: nil) }, { $0.add(registryURL: nil, proxyURL: "") },
      { $0.add(mirrorOptions: [""]) },
    ] as [(inout Configuration) -> Void] {
      var configuration = Configuration()
      fill(&configuration)
      #expect(!configuration.isEmpty)
    }
  }

  @Test("JSON is YAML")
  func json() throws {
    let policy = try policy(#"{"mirrors": {"docker.io": "p.io"}, "ignoreimages": ["redis"], "annotateOriginal": true}"#)
    #expect(policy.decide("nginx:1").image == "p.io/library/nginx:1")
    #expect(policy.decide("redis").word == "ignored")
    #expect(policy.annotatesOriginals)
  }

  @Test("Each variable is the mirror of docker.io")
  func variables() throws {
    let policies = [("REGISTRY_URL", try policy(registryURL: "p.io/")), ("PROXY_URL", try policy(proxyURL: "p.io/"))]
    for (name, policy) in policies {
      #expect(policy.decide("nginx:1").image == "p.io/library/nginx:1")
      #expect(policy.mirrors.map(\.place.description) == [name])
    }
  }

  @Test("Both variables may be set if they agree", arguments: ["p.io", "p.io/"])
  func agreement(_ other: String) throws {
    let policy = try policy(registryURL: "p.io", proxyURL: other)
    #expect(policy.mirrors.count == 1)
    #expect(policy.decide("nginx:1").image == "p.io/library/nginx:1")
  }

  @Test("Variables that differ are an error that names both")
  func disagreement() {
    let problems = problems(registryURL: "p.io", proxyURL: "q.io")
    #expect(problems.count == 1)
    #expect(problems[0].contains("REGISTRY_URL") && problems[0].contains("PROXY_URL"))
  }

  @Test("--mirror takes precedence over the variables, and they over the file, for each source by itself")
  func precedence() throws {
    let file = "mirrors: {docker.io: file.io, quay.io: file.io/q, gcr.io: file.io/g}"
    let one = try policy(file, registryURL: "variable.io")
    #expect(one.decide("nginx:1").image == "variable.io/library/nginx:1")
    #expect(one.decide("quay.io/x:1").image == "file.io/q/x:1")
    let two = try policy(
      file, options: ["index.docker.io=option.io", "QUAY.io:443=option.io/q", "ghcr.io=option.io/h"],
      registryURL: "variable.io")
    #expect(two.decide("nginx:1").image == "option.io/library/nginx:1")
    #expect(two.decide("quay.io/x:1").image == "option.io/q/x:1")
    #expect(two.decide("gcr.io/x:1").image == "file.io/g/x:1")
    #expect(two.decide("ghcr.io/x:1").image == "option.io/h/x:1")
    #expect(two.mirrors.count == 4)
  }

  @Test("A variable does not replace a longer source of the file")
  func longerSource() throws {
    let policy = try policy("mirrors: {docker.io/library: p.io/o}", registryURL: "v.io")
    #expect(policy.decide("nginx:1").image == "p.io/o/nginx:1")
    #expect(policy.decide("a/b:1").image == "v.io/a/b:1")
  }

  @Test("A configuration file of the original works")
  func original() throws {
    let yaml = "port: 8443\ntlscertpath: /tls/cert.pem\ntlskeypath: /tls/key.pem\nignoreimages:\n- registry\n"
    let policy = try policy(yaml, registryURL: "p.io")
    #expect(policy.decide("registry:2").word == "ignored")
    #expect(policy.decide("nginx:1").image == "p.io/library/nginx:1")
  }

  @Test("The other settings are off by default, and kept as written")
  func settings() throws {
    #expect(try !policy("mirrors: {docker.io: p.io}").annotatesOriginals)
    #expect(try policy("mirrors: {docker.io: p.io}").imagePullSecrets.isEmpty)
    #expect(try policy("mirrors: {docker.io: p.io}").exclusions.isEmpty)
    #expect(try !policy("annotateOriginal: false").annotatesOriginals)
    #expect(try policy("annotateOriginal: true").annotatesOriginals)
    #expect(try policy("imagePullSecrets: [a, b.c-d]").imagePullSecrets == ["a", "b.c-d"])
  }
}

@Suite("Exclusions in the configuration")
struct ExclusionTests {
  @Test("Namespaces, labels and owners become entries in the order of the file, with their places")
  func entries() throws {
    let exclusions = try policy(
      """
      exclude:
        namespaces: [kube-system, "team-*"]
        labels: {cnpg.io/cluster: "*", app: db}
        owners: [postgresql.cnpg.io/Cluster, Node]
      """
    ).exclusions
    #expect(exclusions.map(\.subject) == [.namespace, .namespace, .label, .label, .owner, .owner])
    #expect(exclusions.map(\.labelKey) == ["", "", "cnpg.io/cluster", "app", "", ""])
    #expect(
      exclusions.map(\.pattern) == ["kube-system", "team-*", "*", "db", "postgresql.cnpg.io/Cluster", "Node"])
    #expect(
      exclusions.map(\.place.description) == [
        "config.yaml:2:16", "config.yaml:2:29", "config.yaml:3:12", "config.yaml:3:34", "config.yaml:4:12",
        "config.yaml:4:40",
      ])
  }

  @Test("Each value of a label's list is an entry of its own, with its place")
  func severalValues() throws {
    let exclusions = try policy(
      """
      exclude:
        labels:
          app: [db, "", 'longhorn-*']
          none: []
          tier:
          - gold
      """
    ).exclusions
    #expect(exclusions.map(\.labelKey) == ["app", "app", "app", "tier"])
    #expect(exclusions.map(\.pattern) == ["db", "", "longhorn-*", "gold"])
    #expect(
      exclusions.map(\.place.description) == [
        "config.yaml:3:11", "config.yaml:3:15", "config.yaml:3:19", "config.yaml:6:7",
      ])
  }

  @Test(
    "A pattern matches the whole text, and * matches any characters",
    arguments: [
      ("kube-system", "kube-system", true), ("kube-system", "kube-systems", false), ("kube-*", "kube-system", true),
      ("kube-*", "kube-", true), ("kube-*", "akube-x", false), ("*", "", true), ("*", "x", true), ("", "", true),
      ("*-db", "a-db", true), ("*-db", "a-db2", false), ("*/Cluster", "postgresql.cnpg.io/Cluster", true),
      ("*/Cluster", "Cluster", false), ("a", "A", false),
    ])
  func matching(_ pattern: String, _ text: String, _ matches: Bool) throws {
    let exclusion = try #require(try policy("exclude: {labels: {k: '\(pattern)'}}").exclusions.first)
    #expect(exclusion.matches(text) == matches)
  }
}

@Suite("Errors of a configuration")
struct ErrorTests {
  @Test(
    "Each has its place in the file, and says what is wrong",
    arguments: [
      // Keys and shapes.
      ("mirors: {}", "1:1", "unknown key \"mirors\""), ("Mirrors: {}", "1:1", "unknown key"),
      ("exclude: {pods: []}", "1:11", "unknown key"),
      ("- a", "1:1", "must be a mapping"), ("just text", "1:1", "must be a mapping"),
      ("mirrors: []", "1:10", "must be a mapping"),
      ("mirrors: p.io", "1:10", "must be a mapping"), ("ignoreimages: nginx", "1:15", "must be a list"),
      ("ignoreimages: {a: b}", "1:15", "must be a list"), ("ignoreimages: [[a]]", "1:16", "expected an image"),
      ("ignoreimages: ['']", "1:16", "an empty entry"), ("ignoreimages: [~]", "1:16", "expected an image"),
      ("mirrors: {docker.io: [p.io]}", "1:22", "expected a target"),
      ("mirrors: {docker.io: }", "1:22", "expected a target"),
      ("mirrors: {[a]: b}", "1:11", "must be a text"), ("exclude: [a]", "1:10", "must be a mapping"),
      ("exclude: {namespaces: a}", "1:23", "must be a list"), ("exclude: {labels: [a]}", "1:19", "must be a mapping"),
      ("exclude: {labels: {a: {b: c}}}", "1:23", "expected a label's value or a list"),
      ("exclude: {labels: {a: null}}", "1:23", "expected a label's value or a list"),
      ("exclude: {labels: {a: [b, [c]]}}", "1:27", "expected a label's value or a list"),
      ("exclude: {labels: {a: [b, null]}}", "1:27", "expected a label's value or a list"),
      ("exclude: {labels: {a: !t [b]}}", "1:23", "a tag"), ("exclude: {labels: {a: [b, *c]}}", "1:27", "an alias"),
      ("port: 1\nport: 2", "2:1", "duplicate key"), ("exclude: {labels: {a: b, a: c}}", "1:26", "duplicate key"),
      ("mirrors: {docker.io: p.io, index.docker.io: q.io}", "1:28", "is the same as the one at config.yaml:1:11"),
      ("{}\n---\n{}", "2:1", "a second document"),
      ("mirrors: *x", "1:10", "an alias; write the value itself"), ("port: 1: 2", "1:8", "not valid YAML"),
      ("mirrors: !x {}", "1:10", "a tag; leave it out"),
      ("ignoreimages: [!!binary aGk=]", "1:16", "a tag; leave it out"),
      // Values.
      ("annotateOriginal: yes", "1:19", "true or false"), ("annotateOriginal: 1", "1:19", "true or false"),
      ("annotateOriginal: []", "1:19", "true or false"), ("port: 0", "1:7", "1 to 65535"),
      ("port: 65536", "1:7", "1 to 65535"),
      ("port: a", "1:7", "1 to 65535"), ("port: -1", "1:7", "1 to 65535"), ("tlscertpath: ''", "1:14", "empty"),
      ("tlskeypath: []", "1:13", "expected a file's path"),
      ("imagePullSecrets: [A]", "1:20", "not the name of a secret"),
      ("imagePullSecrets: [a_b]", "1:20", "not the name of a secret"),
      ("imagePullSecrets: [-a]", "1:20", "not the name of a secret"),
      ("imagePullSecrets: [a..b]", "1:20", "not the name of a secret"),
      ("imagePullSecrets: [a.]", "1:20", "not the name of a secret"),
      // Sources and targets.
      ("mirrors: {docker.io: ''}", "1:11", "empty"), ("mirrors: {'': p.io}", "1:11", "empty"),
      ("mirrors: {docker.io: 'https://p.io'}", "1:11", "has a scheme"),
      ("mirrors: {'http://docker.io': p.io}", "1:11", "has a scheme"),
      ("mirrors: {docker.io: proxy}", "1:11", "does not begin with a registry's host"),
      ("mirrors: {docker.io: proxy/x.y}", "1:11", "does not begin with a registry's host"),
      ("mirrors: {library: p.io}", "1:11", "does not begin with a registry's host"),
      ("mirrors: {docker.io: 'p.io:x'}", "1:11", "is not host[:port][/path]"),
      ("mirrors: {docker.io: 'p.io/A'}", "1:11", "is not host[:port][/path]"),
      ("mirrors: {docker.io: 'p.io//a'}", "1:11", "is not host[:port][/path]"),
      ("mirrors: {docker.io: 'p.io//'}", "1:11", "is not host[:port][/path]"),
      ("mirrors: {docker.io: 'p.io/a:1'}", "1:11", "is not host[:port][/path]"),
      ("mirrors: {docker.io: 'p.io/a@b'}", "1:11", "is not host[:port][/path]"),
      ("mirrors: {docker.io: 'a_b.io'}", "1:11", "is not host[:port][/path]"),
      ("mirrors: {docker.io: ' p.io'}", "1:11", "is not host[:port][/path]"),
      ("mirrors: {docker.io: 'u@p.io'}", "1:11", "is not host[:port][/path]"),
      ("mirrors: {docker.io: 'p.io?x'}", "1:11", "is not host[:port][/path]"),
      ("mirrors: {docker.io: 'p.io/é'}", "1:11", "is not host[:port][/path]"),
      ("mirrors: {docker.io: 'p.io/{reg}'}", "1:11", "is not host[:port][/path]"),
      ("mirrors: {docker.io: '*.p.io'}", "1:11", "is not host[:port][/path]"),
      ("mirrors: {'quay.io:1/a:2': p.io}", "1:11", "is not host[:port][/path]"),
      ("mirrors: {'*.io': p.io}", "1:11", "* must stand alone"),
      ("mirrors: {'docker.io/*': p.io}", "1:11", "* must stand alone"),
      ("mirrors: {'*': 'p.io/{registry}/{registry}'}", "1:11", "once"),
      ("mirrors: {'*': '{registry}'}", "1:11", "does not begin with a registry's host"),
    ])
  func places(_ yaml: String, _ place: String, _ problem: String) {
    let found = problems(yaml)
    #expect(found.count == 1)
    #expect(found.first?.hasPrefix("config.yaml:\(place): ") == true)
    #expect(found.first?.contains(problem) == true)
  }

  @Test("A duplicate source is an error, even with the same target")
  func sourceTwice() {
    let found = problems("mirrors: {docker.io: p.io, docker.io: p.io}")
    #expect(!found.isEmpty)
    #expect(found.allSatisfy { $0.hasPrefix("config.yaml:1:28: ") })
  }

  @Test("Every error is reported at once, in the order of the file, then of variables and options")
  func allAtOnce() {
    let found = problems(
      """
      mirrors:
        docker.io: https://p.io
        quay.io: proxy
      ignoreimages: [NGINX, redis]
      unknown: {a: [b, {c: d}]}
      exclude: {nothing: 1}
      port: 99999
      """,
      options: ["quay.io", "gcr.io=", "=p.io", "a.io=p.io", "A.io=q.io"],
      registryURL: "", proxyURL: "http://p.io")
    let places = found.map { String($0[..<($0.firstRange(of: ": ")?.lowerBound ?? $0.endIndex)]) }
    #expect(
      places == [
        "config.yaml:2:3", "config.yaml:3:3", "config.yaml:4:16", "config.yaml:5:1", "config.yaml:6:11",
        "config.yaml:7:7",
        "REGISTRY_URL", "PROXY_URL", "--mirror", "--mirror", "--mirror", "--mirror",
      ])
  }

  @Test(
    "An invalid variable or option is an error under its name",
    arguments: ["", "https://p.io", "proxy", "p.io/A", "*", "p.io:port", "p .io"])
  func targets(_ target: String) {
    #expect(problems(proxyURL: target).map { $0.hasPrefix("PROXY_URL: ") } == [true])
    #expect(problems(options: ["docker.io=" + target]).map { $0.hasPrefix("--mirror: ") } == [true])
  }

  @Test("A message contains no control characters for a terminal")
  func escapes() {
    let found = problems("\"\\e[2J\": 1\nmirrors: {docker.io: \"p.io\\a\"}\nignoreimages: [\"a\\nb\"]")
    #expect(found.count == 3)
    #expect(found.allSatisfy { $0.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F } })
  }

  @Test("The target is everything after the first = of --mirror")
  func equals() throws {
    #expect(try policy(options: ["docker.io=p.io/a"]).decide("nginx:1").image == "p.io/a/library/nginx:1")
    #expect(problems(options: ["docker.io=p.io=q.io"]).count == 1)
    #expect(try policy(options: ["*=p.io/{registry}"]).decide("quay.io/x:1").image == "p.io/quay.io/x:1")
  }

  @Test("A target may itself be a source, because images under a target stay")
  func targetIsSource() throws {
    let policy = try policy(mirrors: [("docker.io", "quay.io/hub"), ("quay.io", "docker.io/mirror")])
    #expect(policy.decide("nginx:1").image == "quay.io/hub/library/nginx:1")
    #expect(policy.decide("quay.io/hub/library/nginx:1").word == "already redirected")
    #expect(policy.decide("quay.io/x:1").image == "docker.io/mirror/x:1")
    #expect(policy.decide("docker.io/mirror/x:1").word == "already redirected")
  }
}
