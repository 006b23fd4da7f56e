// pisw explain: explains the decision about an image to a person.

import Admission
import ArgumentParser
import Configuration
import ConfigurationLint
import JSON
import Manifests
import Policy

struct Explain: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Explain why an image is redirected, or stays.",
    usage: "pisw explain [OPTION]... NAME|FILE",
    discussion: """
      EXAMPLES:
        pisw explain --config config.yaml quay.io/team/app
        pisw explain --config config.yaml deployment.yaml
        kubectl get pod web-0 -o yaml | pisw explain --config config.yaml -

      Prints the image's full name, every rule that pisw evaluates, in order and with its place in the \
      configuration, the rule that decides, and the result. For a file, it does so for each image of each pod; \
      there, the rules about pods (exclude, the skip label) come first.

      An argument that is - (standard input), or ends in .yaml, .yml or .json, is a file with manifests or an \
      AdmissionReview. Everything else is an image name.
      """)

  @OptionGroup var configuration: ConfigurationArguments
  @OptionGroup var namespace: NamespaceArgument
  @Argument(help: ArgumentHelp("An image name, or a file.", valueName: "NAME|FILE"), completion: .file())
  var subject: String

  func run() throws {
    let policy = try configuration.load().policy
    guard subject == "-" || [".yaml", ".yml", ".json"].contains(where: subject.hasSuffix) else {
      return try writeOutput(explanation(of: subject, under: policy))
    }
    let manifest = try readManifest(subject)
    if manifest.isAdmissionReview {
      try explainReview(manifest, policy)
    } else {
      try explainManifest(manifest, policy)
    }
  }

  private func explainReview(_ manifest: Manifest, _ policy: SwapPolicy) throws {
    var out = ""
    do throws(JSONError) {
      let answer = try answer(manifest.text, under: policy) { outcome in
        out += explanation(of: outcome, outcome.verdict.words, under: policy)
      }
      if let fault = answer.podFault { throw fault }
      if let reason = answer.notReviewed { out = manifest.name + ": left alone: " + reason.rawValue + "\n" }
    } catch {
      throw reportFailure(.badInput, [error.message(name: manifest.name, in: manifest.text)])
    }
    try writeOutput(out)
  }

  private func explainManifest(_ manifest: Manifest, _ policy: SwapPolicy) throws {
    var namespaces = SkippedNamespaces()
    namespaces.add(manifest)
    let preview = Preview(policy: policy, namespace: namespace.name, skippedNamespaces: namespaces).preview(manifest)
    if !preview.problems.isEmpty {
      throw reportFailure(.badInput, manifest.messages(preview.problems))
    }
    if preview.findings.isEmpty {
      throw reportFailure(.badInput, [manifest.name + ": no pod, or none whose images the webhook looks at"])
    }
    var out = ""
    var lines = Lines(manifest)
    for finding in preview.findings {
      let object = finding.pod.object
      out += lines.place(finding.offset).description + ": \(asciiEscaped(object.kind)) \(asciiEscaped(object.name)), "
      out += "namespace \(asciiEscaped(finding.namespace)), "
      let words =
        finding.isRedirected ? finding.outcome.verdict.words : (finding.words.decision, finding.words.rule, nil)
      out += explanation(of: finding.outcome, words, under: policy)
    }
    try writeOutput(out)
  }
}

extension Manifest {
  /// Whether the text is an AdmissionReview.
  fileprivate var isAdmissionReview: Bool {
    var json = JSONReader(text)
    do throws(JSONError) {
      try json.openObject()
      while let key = try json.nextKey() {
        if json.key(key, is: "kind") { return json.isEqual(try json.string(), "AdmissionReview") }
        try json.skip()
      }
    } catch {
      // Manifests in YAML, or invalid JSON, which the manifest reader reports.
    }
    return false
  }
}
