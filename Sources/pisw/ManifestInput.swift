// Manifests as the subcommands read them, and what they say of what is wrong there.

import Manifests

/// Reads a file with manifests, or standard input for `-`.
///
/// - Throws: the exit status, once the reason is told.
func readManifest(_ path: String) throws -> Manifest {
  let (name, text) = try read(path, limit: largestManifest)
  return Manifest(name: name, text: text)
}

extension Manifest {
  /// Each problem as `FILE:LINE:COLUMN: what is wrong`.
  func messages(_ problems: [ManifestProblem]) -> [String] {
    var lines = Lines(self)
    return problems.map { lines.place($0.offset).description + ": " + $0.problem }
  }
}
