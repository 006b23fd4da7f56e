// Reads manifests for the subcommands, and formats the messages about their problems.

import Manifests

/// Reads a file with manifests, or standard input for `-`.
///
/// - Throws: the exit status 65, 66 or 71, after it reports the reason.
func readManifest(_ path: String) throws -> Manifest {
  let (name, text) = try read(path, limit: largestManifest)
  return Manifest(name: name, text: text)
}

extension Manifest {
  /// A message for each problem: `FILE:LINE:COLUMN: problem`.
  func messages(_ problems: [ManifestProblem]) -> [String] {
    var lines = Lines(self)
    return problems.map { lines.place($0.offset).description + ": " + $0.problem }
  }
}
