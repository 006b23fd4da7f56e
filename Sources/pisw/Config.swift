// pisw config: what is wrong with a configuration, and what is in force.

import ArgumentParser
import ConfigurationReview
import ConfigurationSources
import SwapPolicy

struct Config: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Check the configuration, or show the one in force.", usage: "pisw config COMMAND [OPTION]...",
    subcommands: [ConfigCheck.self, ConfigShow.self])
}

struct ConfigCheck: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract: "Tell every error of the configuration at once, and what in it does nothing.",
    usage: "pisw config check [OPTION]... [FILE]",
    discussion: """
      EXAMPLES:
        pisw config check config.yaml
        helm template chart -s templates/configmap.yaml |
          pisw config check /dev/stdin

      Errors (file, line, column, remedy) go to standard error, and the status is 78. A configuration without errors is \
      told on standard output: its warnings, such as rules that can never match, and for each mirror why rewriting \
      twice changes nothing: an image under its source becomes one under its target, and images under a target stay, \
      before any other rule is asked.
      """)

  @OptionGroup var configuration: ConfigurationArguments
  @Argument(help: ArgumentHelp("The configuration file, as --config.", valueName: "FILE"), completion: .file())
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
    out += "rewriting twice changes nothing: what lies under a target stays, and results do\n"
    for mirror in policy.mirrors {
      guard case .held(let sample, let result) = mirror.proof else { continue }
      guard policy.isSettled(result) else {
        throw end(.fault, ["a fault of pisw: \(result) would be rewritten again; please report it"])
      }
      out += "  \(mirror.source) (\(mirror.place.description)): \(sample) -> \(result), under \(mirror.target)\n"
    }
    out += "\(loaded.file ?? "no file"): "
    out += [
      count(policy.mirrors.count, "mirror"), count(policy.ignored.count, "ignored image"),
      count(policy.exclusions.count, "exclusion"), count(warnings.count, "warning"),
    ].joined(separator: ", ")
    try write(out + "\n")
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

      File, environment and options become one file; comments tell where each value was written.
      """)

  @OptionGroup var configuration: ConfigurationArguments

  func run() throws {
    try write(try configuration.load().effectiveYAML)
  }
}
