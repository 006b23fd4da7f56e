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
  /// `FILE:LINE:COLUMN: what is wrong`.
  func message(_ problem: ManifestProblem) -> String { message(problem.problem, at: problem.offset) }

  /// The same for a problem at an offset in bytes.
  func message(_ problem: String, at offset: Int) -> String {
    var lines = Lines(self)
    return lines.place(offset).description + ": " + problem
  }
}
