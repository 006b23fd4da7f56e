// Warns about mirrors that never apply, that are redundant, or whose results collide with those of another.

import ImageReference
import JSON
import Policy

extension SwapPolicy {
  var mirrorWarnings: [ConfigurationWarning] {
    var warnings: [ConfigurationWarning] = []
    for (i, mirror) in mirrors.enumerated() {
      let problems = [
        shadowing(of: mirror), sourceMatchingResults(of: mirror), repetition(of: mirror),
        collision(of: mirror, before: i),
      ]
      warnings += problems.compactMap { $0 }.map { ConfigurationWarning(place: mirror.place, problem: $0) }
      if case .unusable(let image) = mirror.proof {
        let problem = "never redirects: its results are not valid image names, for instance " + quoted(image)
        warnings.append(ConfigurationWarning(place: mirror.place, problem: problem))
      }
    }
    return warnings
  }

  /// The warning about a mirror that never redirects, because its whole source is under a target; `nil` if there is
  /// none.
  private func shadowing(of mirror: Mirror) -> String? {
    guard let other = mirrors.first(where: { mirror.sourceIsBelowTarget(of: $0) }) else { return nil }
    return other == mirror
      ? "never redirects: its source is under its own target, where images stay"
      : "can never match: its source is under the target of \(other.name), where images stay"
  }

  /// The warning about a mirror whose results another mirror's source matches. They stay only because images under a
  /// target stay. No warning about the source `*`, which matches nearly every result.
  private func sourceMatchingResults(of mirror: Mirror) -> String? {
    let result = mirror.rewritten(mirror.samples[0])
    guard let other = mirrors.first(where: { $0.source != "*" && $0.specificity(for: canonicalName(result)) != nil }),
      !other.sourceIsBelowTarget(of: mirror)
    else { return nil }
    return other == mirror
      ? "its target is under its own source: every image there counts as redirected, and stays"
      : "its target is under the source of \(other.name): every image there counts as redirected, and stays"
  }

  /// The warning about a mirror that gives the same results as the one with the next shorter source.
  private func repetition(of mirror: Mirror) -> String? {
    let sample = mirror.samples[0]
    let others = mirrors.filter { $0 != mirror && $0.specificity(for: sample) != nil }
    let next = others.filter { $0.source.utf8.count < mirror.source.utf8.count }
      .max { $0.specificity(for: sample) ?? 0 < $1.specificity(for: sample) ?? 0 }
    guard let next, next.rewritten(sample) == mirror.rewritten(sample) else { return nil }
    return "redundant: \(next.name) gives the same results"
  }

  /// The warning about a mirror whose results have the same names as those of other images.
  private func collision(of mirror: Mirror, before index: Int) -> String? {
    if mirror.hasPlaceholder { return nil }
    if mirror.source == "*" {
      return "without {registry} in the target, images of different registries get the same names: "
        + "correct only if the proxy looks in all of them"
    }
    let same = mirrors[..<index].first {
      !$0.hasPlaceholder && $0.canonicalTargetPrefix == mirror.canonicalTargetPrefix
    }
    guard let same else { return nil }
    return
      "has the same target as \(same.name): images of both get the same names, correct only if the proxy looks in both"
  }
}

extension Mirror {
  /// The mirror, as messages name it.
  var name: String { "mirror " + source + " at " + place.description }

  /// The source as a configuration file may write it. The canonical form has no upper case and no port 443, so its host
  /// may look like a path component. Such a host gets `:443`.
  var writtenSource: String {
    let host = firstComponent(source)
    if source == "*" || namesDomain(host.utf8.span) { return source }
    return host + ":443" + String(Substring(source.utf8.dropFirst(host.utf8.count)))
  }

  /// Two names under the source. They differ so much that what is true of both is true of every name under it.
  var samples: [String] {
    let prefix = source == "*" ? "registry.example" : source
    return [prefix + "/sample-a/x", prefix + "/other-z/y"]
  }

  /// Whether every image under this mirror's source is under the other's target.
  fileprivate func sourceIsBelowTarget(of other: Mirror) -> Bool {
    source != "*" && samples.allSatisfy { other.targetCovers($0) }
  }
}
