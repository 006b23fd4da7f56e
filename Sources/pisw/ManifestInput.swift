// Manifests as the subcommands read them, and what they say of what is wrong there.

import Manifests

/// What a cluster has in all, and more, is smaller.
private let largestManifest = 1 << 30

/// Reads a file with manifests, or standard input for `-`.
///
/// - Throws: the exit status, once the reason is told.
func readManifest(_ path: String) throws -> Manifest {
  let (name, text) = try read(path, limit: largestManifest)
  return Manifest(name: name, text: text)
}

extension Manifest {
  /// `FILE:LINE:COLUMN: what is wrong`.
  func message(_ problem: ManifestProblem) -> String { place(problem.offset).description + ": " + problem.problem }
}
