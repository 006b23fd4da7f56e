// Mirrors that never apply, that say nothing new, or whose results meet those of another.

import ImageReference
import JSON
import SwapPolicy

extension SwapPolicy {
  var mirrorWarnings: [ConfigurationWarning] {
    var warnings: [ConfigurationWarning] = []
    for (i, mirror) in mirrors.enumerated() {
      let problems = [
        shadow(of: mirror), sourceAround(mirror), repetition(of: mirror), collision(of: mirror, before: i),
      ]
      warnings += problems.compactMap { $0 }.map { ConfigurationWarning(place: mirror.place, problem: $0) }
      if case .unusable(let image) = mirror.proof {
        let problem = "its results are no valid names, so it never redirects: " + quoted(image)
        warnings.append(ConfigurationWarning(place: mirror.place, problem: problem))
      }
    }
    return warnings
  }

  /// What hides a mirror: its whole source lies under a target, where images stay.
  private func shadow(of mirror: Mirror) -> String? {
    guard let other = mirrors.first(where: { mirror.sourceLies(underTargetOf: $0) }) else { return nil }
    return other == mirror
      ? "its source lies under its own target, where images stay: it never redirects"
      : "can never match: its source lies under the target of \(other.name), where images stay"
  }

  /// Which source matches a mirror's results. Only that images under a target stay keeps them from being redirected
  /// again. The source `*` is no surprise.
  private func sourceAround(_ mirror: Mirror) -> String? {
    let result = mirror.rewritten(mirror.samples[0])
    guard let other = mirrors.first(where: { $0.source != "*" && $0.specificity(for: canonicalName(result)) != nil }),
      !other.sourceLies(underTargetOf: mirror)
    else { return nil }
    return other == mirror
      ? "its target lies under its own source: images there stay, whoever wrote them"
      : "its target lies under the source of \(other.name): images there count as redirected, and stay"
  }

  /// The mirror with a shorter source that gives the same results.
  private func repetition(of mirror: Mirror) -> String? {
    let sample = mirror.samples[0]
    let others = mirrors.filter { $0 != mirror && $0.specificity(for: sample) != nil }
    let next = others.filter { $0.source.utf8.count < mirror.source.utf8.count }
      .max { $0.specificity(for: sample) ?? 0 < $1.specificity(for: sample) ?? 0 }
    guard let next, next.rewritten(sample) == mirror.rewritten(sample) else { return nil }
    return "says nothing new: \(next.name) gives the same results"
  }

  /// Which other images get the same names.
  private func collision(of mirror: Mirror, before index: Int) -> String? {
    if mirror.hasPlaceholder { return nil }
    if mirror.source == "*" {
      return "without {registry} in the target, images of different registries get the same names: "
        + "right only if the proxy looks for them in all"
    }
    let same = mirrors[..<index].first { !$0.hasPlaceholder && $0.canonicalHead == mirror.canonicalHead }
    guard let same else { return nil }
    return "has the target of \(same.name): images of both get the same names, right only if the proxy looks in both"
  }
}

extension Mirror {
  /// The mirror as other messages name it.
  var name: String { "mirror " + source + " at " + place.description }

  /// The source as it can be written: in its one form a host may look like a path, since port 443 is left out of it and
  /// upper case is gone.
  var writtenSource: String {
    let host = firstComponent(source)
    if source == "*" || namesDomain(host.utf8.span) { return source }
    return host + ":443" + String(Substring(source.utf8.dropFirst(host.utf8.count)))
  }

  /// Two names under the source, so different that what holds for both of them holds for every one.
  var samples: [String] {
    let prefix = source == "*" ? "registry.example" : source
    return [prefix + "/sample-a/x", prefix + "/other-z/y"]
  }

  /// Whether every image under this source lies under a target.
  fileprivate func sourceLies(underTargetOf other: Mirror) -> Bool {
    source != "*" && samples.allSatisfy { other.holds($0) }
  }
}
