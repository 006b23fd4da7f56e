// Shows for each mirror why rewriting twice changes nothing: its results are under its target, and images under a
// target stay before any other rule is evaluated.

import Policy

/// The proof for one mirror.
public enum IdempotenceProof: Equatable, Sendable {
  /// The image `sample`, which is under the mirror's source, becomes `result`, which is under its target.
  case proved(sample: String, result: String)
  /// The mirror's results are not valid names under its target. pisw never uses such a result.
  case unusable(result: String)
}

extension Mirror {
  /// The proof for this mirror, shown for a sample. A mirror keeps the rest of the path and the tag, so the same holds
  /// for every image.
  public var proof: IdempotenceProof {
    let path = "/team/app:1.0"
    let result = rewritten((source == "*" ? "registry.example" : source) + path)
    guard let normalised = normalizedName(of: result), targetCovers(normalised) else {
      return .unusable(result: result)
    }
    return .proved(sample: (source == "*" ? "registry.example" : writtenSource) + path, result: result)
  }
}

extension SwapPolicy {
  /// Whether a result stays when the rules decide about it again, because it is under a target.
  public func isAlreadyRedirected(_ result: String) -> Bool {
    if case .alreadyRedirected = decide(result) { true } else { false }
  }
}
