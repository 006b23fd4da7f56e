// pisw image: applies the rules to image names on the command line. Also the original's two tools for image names.

import Admission
import ArgumentParser
import Configuration
import ImageReference
import JSON
import Policy
import Version

struct Image: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Print what image names become.",
    usage: "pisw image [OPTION]... NAME...",
    discussion: """
      EXAMPLES:
        pisw image --mirror docker.io=proxy.example.com nginx quay.io/team/app
        pisw image --normalize nginx
        pisw image --json --config config.yaml nginx

      Prints a line for each NAME: the name that a pod with that image gets. It prints a name that stays as it is, \
      and so an image ID, which no node pulls. If a NAME is not a valid image name, it prints only the reason, on \
      standard error, and ends with status 65.

      If you call pisw through a link named normalize-docker-image-name or patch-docker-image-name, it is the \
      original's tool of that name: normalize-docker-image-name NAME... or patch-docker-image-name REGISTRY NAME...
      """)

  enum Form: String, EnumerableFlag {
    case patch, normalize, json

    static func help(for form: Form) -> ArgumentHelp? {
      switch form {
      case .patch: "Print the name that a pod gets (the default)."
      case .normalize: "Print the full name: registry, path, tag or digest. Needs no configuration."
      case .json:
        "Print a JSON object for each name: image, normalized, registry, path, tag, digest, decision, rule, result."
      }
    }
  }

  @OptionGroup var configuration: ConfigurationArguments
  @Flag var form = Form.patch
  @Argument(help: ArgumentHelp("Image names.", valueName: "NAME")) var names: [String]

  func run() throws {
    var out: [UInt8] = []
    if form == .normalize {
      try checkNames(names)
      out = wholeNames(names)
    } else {
      try checkNames(names.filter { !isImageID($0) })
      let policy = try configuration.load().policy
      for name in names {
        let words = policy.decide(name).words
        if form == .patch { out.append(words.result ?? name) } else { out += description(of: name, words) }
        out.append(UInt8(ascii: "\n"))
      }
    }
    try writeOutput(out)
  }

  private func description(of name: String, _ words: (decision: String, rule: String?, result: String?)) -> [UInt8] {
    let reference = isImageID(name) ? nil : try? ImageReference(name)
    let members = [
      ("image", name), ("normalized", normalizedName(of: name)), ("registry", reference?.domain),
      ("path", reference?.path), ("tag", reference?.tag), ("digest", reference?.digest), ("decision", words.decision),
      ("rule", words.rule), ("result", words.result ?? name),
    ]
    var json = JSONText()
    json.object { object in
      for (key, value) in members { object.member(key, value) }
    }
    return json.bytes
  }
}

/// The original's tool that prints full image names.
struct NormalizeDockerImageName: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "normalize-docker-image-name", abstract: "Print the full names of images, as Docker reads them.",
    usage: "normalize-docker-image-name NAME...", version: versionLine(of: "normalize-docker-image-name"))

  @Argument(help: ArgumentHelp("Image names.", valueName: "NAME")) var names: [String]

  func run() throws {
    try checkNames(names)
    try writeOutput(wholeNames(names))
  }
}

/// The original's tool that redirects image names of docker.io to a proxy.
struct PatchDockerImageName: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "patch-docker-image-name",
    abstract: "Print what images become if REGISTRY is the proxy for docker.io.",
    usage: "patch-docker-image-name REGISTRY NAME...",
    discussion: "Images of other registries stay as they are written.",
    version: versionLine(of: "patch-docker-image-name"))

  @Argument(help: ArgumentHelp("The proxy, host[:port][/path].", valueName: "REGISTRY")) var registry: String
  @Argument(help: ArgumentHelp("Image names.", valueName: "NAME")) var names: [String]

  func run() throws {
    try checkNames(names.filter { !isImageID($0) })
    var configuration = Configuration()
    configuration.add(mirrorOptions: ["docker.io=" + registry])
    let policy: SwapPolicy
    do throws(ConfigurationErrors) {
      policy = try configuration.policy()
    } catch {
      throw reportFailure(.configuration, error.entries.map(\.problem))
    }
    try writeOutput(names.map { (policy.decide($0).words.result ?? $0) + "\n" }.joined())
  }
}

/// Checks that every name is a valid image name.
///
/// - Throws: the exit status 65, after it reports every invalid name.
private func checkNames(_ names: [String]) throws {
  var problems: [String] = []
  for name in names {
    do throws(ImageReferenceError) {
      _ = try ImageReference(name)
    } catch {
      problems.append("\(quoted(name)) is not a valid image name: \(error.rawValue)")
    }
  }
  if !problems.isEmpty { throw reportFailure(.badInput, problems) }
}

private func wholeNames(_ names: [String]) -> [UInt8] {
  Array(names.map { (wholeName(of: $0) ?? $0) + "\n" }.joined().utf8)
}
