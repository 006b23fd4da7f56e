// pisw krm: a KRM function for kpt and kustomize.

import ArgumentParser
import Configuration
import Glibc
import Manifests

struct KRM: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "krm",
    abstract: "Redirect the images of a ResourceList, as a KRM function for kpt or kustomize.",
    usage: "pisw krm [OPTION]...",
    discussion: """
      EXAMPLES:
        kpt fn eval DIR --exec 'pisw krm' -- docker.io=proxy.example.com
        kpt fn eval DIR --exec 'pisw krm' --fn-config pisw.yaml

      Reads a ResourceList (config.kubernetes.io/v1) on standard input, redirects the images of its items, adds a \
      result for each, and prints the list. Everything else stays byte for byte, comments too.

      The configuration comes from functionConfig: its spec has the keys of a configuration file; or the entry \
      config.yaml of its data has a configuration file as text; or its data has mirrors alone, UPSTREAM: TARGET. \
      Without any of these, it comes from where the other subcommands read it. REGISTRY_URL, PROXY_URL and --mirror \
      take precedence.
      """)

  @OptionGroup var configuration: ConfigurationArguments
  @OptionGroup var namespace: NamespaceArgument

  func validate() throws {
    if isatty(0) == 1 { throw ValidationError("standard input is a terminal: expected a ResourceList") }
  }

  func run() throws {
    let manifest = try readManifest("-")
    let list: ResourceList
    do throws(ManifestProblem) {
      list = try ResourceList(manifest)
    } catch {
      throw reportFailure(.badInput, manifest.messages([error]))
    }
    var namespaces = SkippedNamespaces()
    namespaces.add(manifest)
    let preview = Preview(policy: try load(list).policy, namespace: namespace.name, skippedNamespaces: namespaces)
      .preview(manifest)
    if !preview.problems.isEmpty { throw reportFailure(.badInput, manifest.messages(preview.problems)) }
    try writeOutput(list.output(preview))
  }

  private func load(_ list: ResourceList) throws -> LoadedConfiguration {
    guard let function = list.configuration else { return try configuration.load() }
    if configuration.config != nil {
      throw ValidationError("give the configuration once: functionConfig or --config")
    }
    do throws(ConfigurationFailure) {
      return try loadConfiguration(
        text: function.text, named: function.name, origin: function.origin, mirrors: configuration.mirror)
    } catch {
      throw reportFailure(.configuration, error.problems)
    }
  }
}
