// Why rewriting twice changes nothing, shown for each mirror: its results lie under its target, and what lies under a
// target stays, before any other rule is asked.

import SwapPolicy

/// What is shown of one mirror.
public enum IdempotenceProof: Equatable, Sendable {
  /// The image `sample`, which lies under the mirror's source, becomes `result`, which lies under its target.
  case held(sample: String, result: String)
  /// The mirror's results are no valid names under its target; such a result is never used.
  case unusable(result: String)
}

extension Mirror {
  /// The proof for this mirror, on a sample. Tags and paths below are kept as they are, so that it holds for all.
  public var proof: IdempotenceProof {
    let path = "/team/app:1.0"
    let result = rewritten((source == "*" ? "registry.example" : source) + path)
    guard let normalised = normalizedName(of: result), holds(normalised) else { return .unusable(result: result) }
    return .held(sample: (source == "*" ? "registry.example" : writtenSource) + path, result: result)
  }
}

extension SwapPolicy {
  /// Whether a result, decided upon again, stays because of where it lies.
  public func isSettled(_ result: String) -> Bool {
    if case .alreadyRedirected = decide(result) { true } else { false }
  }
}
