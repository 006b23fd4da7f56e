// What the unit tests of Policy and Configuration share: policies from a few lines of YAML, what is wrong with them, and
// decisions as one word.

import Configuration
import Policy

/// The policy of a configuration file, of `--mirror` options and of the two variables.
public func policy(
  _ yaml: String? = nil, options: [String] = [], registryURL: String? = nil, proxyURL: String? = nil
) throws(ConfigurationErrors) -> SwapPolicy {
  var configuration = Configuration()
  if let yaml { configuration.add(file: "config.yaml", Array(yaml.utf8)) }
  configuration.add(registryURL: registryURL, proxyURL: proxyURL)
  configuration.add(mirrorOptions: options)
  return try configuration.policy()
}

/// The policy of a map of mirrors alone.
public func policy(mirrors: [(String, String)]) throws(ConfigurationErrors) -> SwapPolicy {
  try policy("mirrors:\n" + mirrors.map { "  \"\($0.0)\": \"\($0.1)\"\n" }.joined())
}

/// The messages about an invalid configuration; empty for a valid one.
public func problems(
  _ yaml: String? = nil, options: [String] = [], registryURL: String? = nil, proxyURL: String? = nil
) -> [String] {
  do throws(ConfigurationErrors) {
    _ = try policy(yaml, options: options, registryURL: registryURL, proxyURL: proxyURL)
    return []
  } catch {
    return error.entries.map(\.description)
  }
}

extension Decision {
  /// The image that the decision redirects to; `nil` if it leaves the image alone.
  public var image: String? {
    if case .redirected(let image, _) = self { image } else { nil }
  }

  /// The decision without the rule behind it.
  public var word: String {
    switch self {
    case .redirected: "redirected"
    case .empty: "empty"
    case .placeholder: "placeholder"
    case .imageID: "image ID"
    case .invalid: "invalid"
    case .noRegistry: "no registry"
    case .alreadyRedirected: "already redirected"
    case .ignored: "ignored"
    case .noMirror: "no mirror"
    case .invalidResult: "invalid result"
    }
  }
}

public let digits = String(repeating: "a", count: 64)
public let sha = "sha256:" + digits
public let mixedDigits = String(repeating: "09af", count: 16)
