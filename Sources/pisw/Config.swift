// pisw config: checks a configuration, or prints the one in force.

import ArgumentParser
import Configuration
import ConfigurationLint
import Policy

struct Config: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Check the configuration, or show the one in force.", usage: "pisw config COMMAND [OPTION]...",
    subcommands: [ConfigCheck.self, ConfigShow.self])
}

struct ConfigCheck: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract: "Report every error of the configuration, and entries that have no effect.",
    usage: "pisw config check [OPTION]... [FILE]",
    discussion: """
      EXAMPLES:
        pisw config check config.yaml
        helm template chart -s templates/configmap.yaml |
          pisw config check /dev/stdin

      Prints every error with file, line, column and remedy on standard error, and ends with status 78. For a valid \
      configuration, it prints on standard output: warnings, for instance about rules that can never match; and for \
      each mirror, why rewriting twice changes nothing: the results are under its target, and images under a target \
      stay, before any other rule is evaluated.
      """)

  @OptionGroup var configuration: ConfigurationArguments
  @Argument(help: ArgumentHelp("The configuration file, like --config.", valueName: "FILE"), completion: .file())
  var file: String?

  func validate() throws {
    if file != nil, configuration.config != nil {
      throw ValidationError("give the configuration file once: FILE or --config")
    }
  }

  func run() throws {
    var arguments = configuration
    arguments.config = file ?? configuration.config
    let loaded = try arguments.load()
    let policy = loaded.policy
    var warnings = policy.warnings.map(\.description)
    if policy.mirrors.isEmpty { warnings.append("no mirror: no image is ever redirected") }
    var out = ""
    for warning in warnings { out += "warning: \(warning)\n" }
    out += "rewriting twice changes nothing: results are under a target, and images under a target stay\n"
    for mirror in policy.mirrors {
      guard case .proved(let sample, let result) = mirror.proof else { continue }
      guard policy.isAlreadyRedirected(result) else {
        throw reportFailure(.bug, ["a bug in pisw: \(result) would be rewritten again; please report it"])
      }
      out += "  \(mirror.source) (\(mirror.place.description)): \(sample) -> \(result), under \(mirror.target)\n"
    }
    out += "\(loaded.file ?? "no file"): "
    out += [
      count(policy.mirrors.count, "mirror"), count(policy.ignored.count, "ignored image"),
      count(policy.exclusions.count, "exclusion"), count(warnings.count, "warning"),
    ].joined(separator: ", ")
    try writeOutput(out + "\n")
  }

  private func count(_ number: Int, _ noun: String) -> String { "\(number) \(noun)\(number == 1 ? "" : "s")" }
}

struct ConfigShow: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show",
    abstract: "Print the configuration in force, as a configuration file.",
    usage: "pisw config show [OPTION]...",
    discussion: """
      EXAMPLES:
        pisw config show --config config.yaml --mirror quay.io=proxy.example.com

      Merges file, environment and options into one file. A comment after each value says where it was written.
      """)

  @OptionGroup var configuration: ConfigurationArguments

  func run() throws {
    try writeOutput(try configuration.load().effectiveYAML)
  }
}
