// The configuration in force as YAML, which is itself a configuration file with the same rules.

import Configuration
import ConfigurationLint
import Foundation
import Policy
import Testing

private func load(_ yaml: String, mirrors: [String] = []) throws -> LoadedConfiguration {
  let path = NSTemporaryDirectory() + "pisw-\(UUID().uuidString).yaml"
  try Data(yaml.utf8).write(to: URL(filePath: path))
  defer { try? FileManager.default.removeItem(atPath: path) }
  var options = ConfigurationOptions()
  options.file = path
  options.mirrors = mirrors
  return try loadConfiguration(options)
}

private func withoutComments(_ yaml: String) -> String { yaml.replacing(#/  # .*/#, with: "") }

@Suite("The configuration in force")
struct EffectiveConfigurationTests {
  @Test("Read again, it gives the same rules and the same text")
  func roundTrip() throws {
    let loaded = try load(
      """
      mirrors: {docker.io: p.io, quay.io: 'p.io:5000/q', '*': '{registry}.p.io', "localhost:1": h.io/x, "reg:443/a": h.io/y, Reg2: h.io/z}
      ignoreimages: [nginx, 'a/*', '*:dev', "b:1@sha256:\(String(repeating: "a", count: 64))", 'y', 'null', '1']
      exclude:
        namespaces: [kube-system, 'on', "\\u00e9\\n# x", '1']
        labels: {a.io/b: '*', 'true': "x: y", c: '', 'd: e': [x, '', '*', '- y'], f: [z], g: []}
        owners: [a.b/C, 'D']
      annotateOriginal: true
      imagePullSecrets: [one, two, 'yes', '0123']
      port: 8443
      tlscertpath: /etc/x y/"cert".pem
      tlskeypath: 'C:'
      """)
    let yaml = loaded.effectiveYAML
    let again = try load(yaml)
    #expect(withoutComments(again.effectiveYAML) == withoutComments(yaml))
    #expect(again.server == loaded.server)
    #expect(again.policy.imagePullSecrets == loaded.policy.imagePullSecrets)
    #expect(again.policy.exclusions.map(\.pattern) == loaded.policy.exclusions.map(\.pattern))
    #expect(again.policy.exclusions.map(\.labelKey) == loaded.policy.exclusions.map(\.labelKey))
    #expect(again.policy.ignored.map(\.text) == loaded.policy.ignored.map(\.text))
    #expect(again.policy.mirrors.map(\.source) == loaded.policy.mirrors.map(\.source))
    #expect(again.policy.mirrors.map(\.target) == loaded.policy.mirrors.map(\.target))
    #expect(again.policy.annotatesOriginals)
  }

  @Test("Several values of a label are a list, each with its place")
  func labels() throws {
    let yaml = try load("mirrors: {docker.io: p.io}\nexclude: {labels: {a: [b, 'c*'], d: [e], f: g, h: []}}\n")
      .effectiveYAML.replacing(#/[^ ]*pisw-[^:]*:/#, with: "FILE:")
    #expect(
      yaml.contains(
        """
        exclude:
          labels:
            a:
              - b  # FILE:2:24
              - "c*"  # FILE:2:27
            d: e  # FILE:2:38
            f: g  # FILE:2:42
        annotateOriginal
        """))
  }

  @Test("A comment says where each value was written, and what it replaced")
  func places() throws {
    let yaml = try load("mirrors: {docker.io: file.io}\nport: 1\n", mirrors: ["docker.io=option.io", "quay.io=q.io"])
      .effectiveYAML.replacing(#/[^ ]*pisw-[^:]*:/#, with: "FILE:")
    #expect(
      yaml == """
        mirrors:
          docker.io: option.io  # --mirror, in place of FILE:1:11
          quay.io: q.io  # --mirror
        ignoreimages: []  # none
        exclude: {}  # none
        annotateOriginal: false  # the default
        imagePullSecrets: []  # the default
        port: 1  # FILE:2:1

        """)
  }
}
