// The policies for fuzzing reviews: every feature on, and targets that make results too long or circular.

import SwapPolicy

/// Policies that each cause one kind of trouble. All are valid.
public let policies: [SwapPolicy] = [
  """
  mirrors:
    docker.io: proxy.example.com
    quay.io: harbor.example.com/quay
    docker.io/library: proxy.example.com/official
    "*": proxy.example.com/{registry}
  ignoreimages: [registry, "acme/*", "*:dev"]
  exclude:
    namespaces: [kube-*]
    labels: {team: "a*"}
    owners: [apps/Special]
  annotateOriginal: true
  imagePullSecrets: [pull, other]
  """,
  """
  mirrors:
    docker.io: docker.io/\(String(repeating: "long/", count: 45))mirror
    "*": quay.io/a/{registry}/b
    quay.io/a: localhost:5000
  """,
].map { text in
  var configuration = Configuration()
  configuration.add(file: "config.yaml", Array(text.utf8))
  do {
    return try configuration.policy()
  } catch {
    fatalError("a fuzzed policy is not valid: \(error)")
  }
}
