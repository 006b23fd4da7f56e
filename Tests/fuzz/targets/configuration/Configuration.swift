// Fuzzes the configuration reader. The input is a file, and after NUL bytes two variables and any number of options. A
// refused configuration names a place. An accepted one never redirects its own results, and is printed as a
// configuration with the same rules.

import ConfigurationReview
import FuzzSupport
import ImageReference
import SwapPolicy

@testable import ConfigurationSources

@_cdecl("LLVMFuzzerTestOneInput")
public func test(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let parts = bytes(data, count).split(separator: 0, omittingEmptySubsequences: false)
  var configuration = Configuration()
  configuration.add(file: "config.yaml", Array(parts[0]))
  let texts = parts.dropFirst().map { String(decoding: $0, as: UTF8.self) }
  configuration.add(registryURL: texts.first, proxyURL: texts.dropFirst().first)
  configuration.add(mirrorOptions: Array(texts.dropFirst(2)))
  var configMap = Configuration()
  _ = configMap.addConfigMap(file: "configmap.yaml", Array(parts[0]))
  do throws(ConfigurationErrors) {
    let policy = try configuration.policy()
    check(policy)
    show(policy, Array(parts[0]))
  } catch {
    // NEL and similar characters end a line, too. libyaml counts the end of a text without a newline as another line.
    let lines = parts[0].count { $0 == 0x0A || $0 == 0x0D || $0 >= 0x80 } + 2
    check(error, lines: lines, columns: parts[0].count + 1, texts)
  }
  return 0
}

private let images = [
  "nginx", "nginx:1.27", "bitnami/redis", "quay.io/org/app:dev", "gcr.io/a/b/c", "localhost/x", "localhost:5000/x",
  "proxy.example.com/library/nginx", "[::1]:5000/x", "UPPER.example/x", "index.docker.io/x", "docker.io:443/a/b",
  "auto", "registry.k8s.io/pause@sha256:" + String(repeating: "0a", count: 32), "Not/Valid", "a_b.com/x",
]

private let pod =
  #"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"u","namespace":"default","#
  + #""object":{"kind":"Pod","metadata":{"labels":{"app":"a"}},"spec":{"containers":["#
  + images.map { #"{"name":"c","image":"\#($0)"}"# }.joined(separator: ",") + "]}}}}"

private func check(_ policy: SwapPolicy) {
  // Images under the rules' own targets could be redirected in circles.
  let own = policy.mirrors.flatMap { mirror in
    ["", "/x", "/x/y:1"].flatMap { [mirror.source + $0, mirror.target + $0] }
  }
  for image in images + own {
    guard case .redirected(let result, let mirror) = policy.decide(image) else { continue }
    require((try? ImageReference(result)) != nil, "\(result) is a valid name")
    if case .redirected(let again, _) = policy.decide(result) {
      fatalError("broken: \(image) goes to \(result), which goes to \(again)")
    }
    require(policy.mirrors.contains(mirror), "the rule is one of the policy")
  }
  checkReview(Array(pod.utf8), under: policy)
}

/// Prints an accepted configuration, and reads it again.
private func show(_ policy: SwapPolicy, _ text: [UInt8]) {
  for warning in policy.warnings { require(isPrintable(warning.description), "a warning can be shown") }
  for mirror in policy.mirrors {
    if case .held(_, let result) = mirror.proof { require(policy.isSettled(result), "\(result) stays") }
  }
  do throws(ConfigurationFailure) {
    let shown = try loadConfiguration(text: text, named: "config.yaml", origin: TextOrigin(), mirrors: []).effectiveYAML
    let again = try loadConfiguration(text: Array(shown.utf8), named: "shown.yaml", origin: TextOrigin(), mirrors: [])
    // Comments differ, because they name places.
    let lines = [shown, again.effectiveYAML].map { yaml in
      yaml.utf8.split(separator: 0x0A).map { String(Substring($0)).split(separator: "  # ")[0] }
    }
    require(lines[0] == lines[1], "shown again it is the same: \(shown)")
  } catch {
    fatalError("broken: \(error.problems)")
  }
}

private func check(_ errors: ConfigurationErrors, lines: Int, columns: Int, _ texts: [String]) {
  require(!errors.entries.isEmpty, "an error says what it is")
  for entry in errors.entries {
    require(!entry.problem.isEmpty && isPrintable(entry.description), "an error can be shown")
    switch entry.place {
    case .file(let name, let line, let column):
      require(name == "config.yaml" && (1...lines).contains(line), "line \(line) lies in the file")
      require((1...columns).contains(column), "column \(column) lies in the file")
    case .variable(let name):
      require(name == "REGISTRY_URL" && !texts.isEmpty || name == "PROXY_URL" && texts.count > 1, "\(name) was set")
    case .option(let name):
      require(name == "--mirror" && texts.count > 2, "\(name) was given")
    case .wholeFile(let name): fatalError("broken: \(name) was read")
    }
  }
}
