// The inputs of a configuration, and their precedence. The tests run one at a time, because they change the environment
// of the process.

import Configuration
import Foundation
import Testing

/// Runs with these of pisw's variables and no others.
private func withEnvironment<Result>(_ variables: [String: String], _ body: () throws -> Result) rethrows -> Result {
  let names = ["PISW_CONFIG", "REGISTRY_URL", "PROXY_URL"]
  for name in names { unsafe unsetenv(name) }
  for (name, value) in variables { unsafe setenv(name, value, 1) }
  defer { for name in Set(names).union(variables.keys) { unsafe unsetenv(name) } }
  return try body()
}

/// A file that is removed after its test.
private final class File {
  let path = NSTemporaryDirectory() + "pisw-\(UUID().uuidString).yaml"

  init(_ text: String) throws { try Data(text.utf8).write(to: URL(filePath: path)) }
  deinit { try? FileManager.default.removeItem(atPath: path) }
}

private func load(
  _ file: String? = nil, mirrors: [String] = [], _ variables: [String: String] = [:]
) throws -> LoadedConfiguration {
  var options = ConfigurationOptions()
  options.file = file
  options.mirrors = mirrors
  return try withEnvironment(variables) { try loadConfiguration(options) }
}

/// The failure to load a configuration.
private func failure(
  _ file: String? = nil, mirrors: [String] = [], _ variables: [String: String] = [:]
) throws -> ConfigurationFailure {
  try #require(throws: ConfigurationFailure.self) { _ = try load(file, mirrors: mirrors, variables) }
}

/// The name to which nginx:1 is redirected; `nil` if it stays.
private func nginx(_ loaded: LoadedConfiguration) -> String? {
  if case .redirected(let image, _) = loaded.policy.decide("nginx:1") { image } else { nil }
}

private let noDefaultFile = !FileManager.default.fileExists(atPath: "/etc/pisw/config.yaml")

@Suite("Where a configuration comes from", .serialized)
struct ConfigurationSourcesTests {
  @Test("Without a configuration, the error names the three ways to give one", .enabled(if: noDefaultFile))
  func nothing() throws {
    let none = try failure()
    #expect(none.problems.count == 1 && none.place == "nothing is configured")
    for way in ["--mirror", "REGISTRY_URL", "--config"] { #expect(none.problems[0].contains(way)) }
    // A CGI host passes a client's header fields as variables that begin with HTTP_.
    let foreign = try failure(nil, ["HTTP_PISW_CONFIG": "/x", "HTTP_REGISTRY_URL": "evil.io"])
    #expect(foreign.problems == none.problems)
  }

  @Test("A variable or an option is enough, without a file", .enabled(if: noDefaultFile))
  func withoutFile() throws {
    for loaded in [
      try load(mirrors: ["docker.io=p.io"]), try load(nil, ["REGISTRY_URL": "p.io"]),
      try load(nil, ["PROXY_URL": "p.io"]), try load("", ["PROXY_URL": "p.io"]),
      try load(nil, ["PISW_CONFIG": "", "PROXY_URL": "p.io"]),
    ] {
      #expect(nginx(loaded) == "p.io/library/nginx:1" && loaded.file == nil)
      #expect(loaded.server.port == nil)
    }
  }

  @Test("--config takes precedence over PISW_CONFIG, and the result names the file")
  func files() throws {
    let one = try File("mirrors: {docker.io: one.io}\nport: 1\ntlscertpath: c\n")
    let two = try File("mirrors: {docker.io: two.io}\nport: 2\ntlskeypath: k\n")
    let option = try load(one.path, ["PISW_CONFIG": two.path])
    #expect(nginx(option) == "one.io/library/nginx:1" && option.file == one.path)
    #expect(option.server.port == 1 && option.server.certificatePath == "c" && option.server.keyPath == nil)
    let variable = try load(nil, ["PISW_CONFIG": two.path])
    #expect(nginx(variable) == "two.io/library/nginx:1" && variable.file == two.path)
    #expect(variable.server.port == 2 && variable.server.certificatePath == nil && variable.server.keyPath == "k")
    // The other file is not read.
    #expect(try load(one.path, ["PISW_CONFIG": "/nonexistent"]).file == one.path)
  }

  @Test("Options take precedence over variables, and they over the file, for each source by itself")
  func precedence() throws {
    let file = try File("mirrors: {docker.io: file.io, quay.io: file.io/q}")
    #expect(nginx(try load(file.path)) == "file.io/library/nginx:1")
    #expect(nginx(try load(file.path, ["REGISTRY_URL": "variable.io"])) == "variable.io/library/nginx:1")
    #expect(nginx(try load(file.path, ["PROXY_URL": "variable.io"])) == "variable.io/library/nginx:1")
    let all = try load(file.path, mirrors: ["docker.io=option.io"], ["REGISTRY_URL": "variable.io"])
    #expect(nginx(all) == "option.io/library/nginx:1" && all.policy.mirrors.count == 2)
  }

  @Test("An empty file is a configuration")
  func empty() throws {
    let file = try File("")
    let loaded = try load(file.path)
    #expect(loaded.policy.mirrors.isEmpty && loaded.file == file.path)
  }

  @Test("A file that cannot be read is an error that names it, even if other inputs are valid")
  func unreadable() throws {
    let long = try File(String(repeating: "# 789\n", count: 174_763))
    for (path, problem) in [
      ("/nonexistent/config.yaml", "No such file"), (NSTemporaryDirectory(), "directory"),
      (long.path, "larger than 1 MiB"), ("/dev/null/x", "Not a directory"),
    ] {
      for failure in [
        try failure(path, mirrors: ["docker.io=p.io"], ["PROXY_URL": "p.io"]),
        try failure(nil, mirrors: ["docker.io=p.io"], ["PISW_CONFIG": path]),
      ] {
        #expect(failure.problems.count == 1 && failure.place == path)
        #expect(failure.problems.first?.hasPrefix(path + ": ") == true && failure.problems[0].contains(problem))
      }
    }
    // A file of exactly 1 MiB is read.
    let full = try File("mirrors: {docker.io: p.io}\n" + String(repeating: "#", count: 1 << 20 - 27))
    #expect(nginx(try load(full.path)) == "p.io/library/nginx:1")
  }

  @Test("Every problem is reported at once with its place, and the first place is also there by itself")
  func problems() throws {
    let file = try File("port: 0\nunknown: 1\n")
    let failure = try failure(file.path, mirrors: ["docker.io"], ["REGISTRY_URL": "https://p.io"])
    #expect(failure.place == file.path + ":1:7")
    let places = ["\(file.path):1:7: ", "\(file.path):2:1: ", "REGISTRY_URL: ", "--mirror: "]
    #expect(failure.problems.count == 4)
    for (problem, place) in zip(failure.problems, places) { #expect(problem.hasPrefix(place)) }
  }

  @Test("A file's name is shown without control characters for a terminal")
  func escapes() throws {
    let failure = try failure("/nonexistent/\u{1B}[2J\n")
    #expect(failure.problems[0].utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F })
    #expect(failure.place.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F })
  }
}

/// Loads a text, as pisw does.
private func loadOrConfigMap(_ text: String) throws -> LoadedConfiguration {
  let file = try File(text)
  var options = ConfigurationOptions()
  options.file = file.path
  return try withEnvironment([:]) { try loadConfigurationOrConfigMap(options) }
}

private func problemsOfConfigMap(_ text: String) throws -> [String] {
  let failure = try #require(throws: ConfigurationFailure.self) { _ = try loadOrConfigMap(text) }
  // The file's path differs from run to run.
  return failure.problems.map { $0.replacing(#/^.*?\.yaml/#, with: "FILE") }
}

extension ConfigurationSourcesTests {
  @Test(
    "A ConfigMap is accepted in every form that Helm and kubectl write",
    arguments: [
      "apiVersion: v1\nkind: ConfigMap\ndata:\n  config.yaml: |\n    mirrors:\n      docker.io: p.io\n",
      "---\n# Source: x\napiVersion: v1\ndata:\n  other: x\n  config.yaml: |-\n    mirrors: {docker.io: p.io}\nkind: ConfigMap\n",
      "apiVersion: v1\nkind: ConfigMap\ndata:\n  pisw.yml: |\n    mirrors: {docker.io: p.io}\n",
      #"{"apiVersion": "v1", "kind": "ConfigMap", "data": {"config.yaml": "mirrors:\n  docker.io: p.io\n"}}"#,
      "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, labels: {? [a] : b}}\ndata:\n  config.yaml: >\n    mirrors: {docker.io: p.io}\n",
      // NEL ends a line for libyaml.
      "apiVersion: v1\nkind: ConfigMap\ndata:\n  config.yaml: |\n    \u{85}    mirrors: {docker.io: p.io}\n",
      "mirrors: {docker.io: p.io}\n",
    ])
  func configMap(_ text: String) throws {
    #expect(nginx(try loadOrConfigMap(text)) == "p.io/library/nginx:1")
  }

  @Test("A ConfigMap of another version is not accepted", arguments: ["v2", "apps/v1"])
  func otherVersion(_ version: String) throws {
    let text = "apiVersion: \(version)\nkind: ConfigMap\ndata:\n  config.yaml: |\n    mirrors: {docker.io: p.io}\n"
    let failure = try #require(throws: ConfigurationFailure.self) { _ = try loadOrConfigMap(text) }
    #expect(failure.problems.count == 3 && failure.problems[0].contains("unknown key \"apiVersion\""))
  }

  @Test("Only the tool for people accepts a ConfigMap")
  func notEverywhere() throws {
    let file = try File("apiVersion: v1\nkind: ConfigMap\ndata:\n  config.yaml: |\n    mirrors: {docker.io: p.io}\n")
    #expect(try failure(file.path).problems.contains { $0.contains("unknown key \"apiVersion\"") })
  }

  @Test(
    "Places are the ConfigMap's own lines and columns, or those of the text in it",
    arguments: [
      (
        "apiVersion: v1\nkind: ConfigMap\ndata:\n  config.yaml: |\n\n    # a comment\n    port: 0\n      \n    frob: 1\n",
        [
          "FILE:7:11: port must be from 1 to 65535",
          "FILE:9:5: unknown key \"frob\"",
        ]
      ),
      (
        "apiVersion: v1\nkind: ConfigMap\ndata:\n  config.yaml: |2\n      port: 0\n",
        ["FILE:5:13: port must be from 1 to 65535"]
      ),
      (
        #"{"apiVersion": "v1", "kind": "ConfigMap", "data": {"config.yaml": "\nport: 0\n"}}"#,
        ["FILE (data.config.yaml):2:7: port must be from 1 to 65535"]
      ),
      (
        "apiVersion: v1\nkind: ConfigMap\ndata: {a: x, b: y}\n",
        ["FILE: a ConfigMap whose data has 2 texts; expected the key config.yaml, or a single key"]
      ),
      (
        "apiVersion: v1\nkind: ConfigMap\n",
        ["FILE: a ConfigMap whose data has 0 texts; expected the key config.yaml, or a single key"]
      ),
      (
        "apiVersion: v1\nkind: ConfigMap\ndata: {config.yaml: x, config.yaml: y}\n",
        ["FILE: a ConfigMap whose data has 2 texts; expected the key config.yaml, or a single key"]
      ),
      (
        "apiVersion: v1\nkind: ConfigMap\ndata: {a: x}\n---\na: b\n",
        ["FILE: a second document after the ConfigMap: pass the ConfigMap alone"]
      ),
      ("apiVersion: v1\nkind: ConfigMap\ndata: [\n", ["FILE:4:1: not valid YAML"]),
    ])
  func placesInConfigMap(_ text: String, _ expected: [String]) throws {
    let problems = try problemsOfConfigMap(text).filter { !$0.contains("\"apiVersion\"") && !$0.contains("\"kind\"") }
    #expect(problems.count == expected.count, "\(problems)")
    for (problem, expected) in zip(problems, expected) { #expect(problem.hasPrefix(expected), "\(problem)") }
  }

  @Test("The result has the mirrors that were replaced, and the places of single settings")
  func places() throws {
    let file = try File("mirrors: {docker.io: file.io}\nannotateOriginal: true\nport: 1\n")
    let loaded = try load(file.path, mirrors: ["docker.io=option.io"], ["REGISTRY_URL": "variable.io"])
    #expect(loaded.replaced.map(\.target) == ["file.io", "variable.io"])
    #expect(loaded.settingPlaces.annotateOriginal == .file(file.path, line: 2, column: 1))
    #expect(loaded.settingPlaces.port == .file(file.path, line: 3, column: 1))
    #expect(loaded.settingPlaces.imagePullSecrets == nil)
  }
}
