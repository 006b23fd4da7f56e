// The rules: what becomes of one image name, and why.

import ImageReference

/// A whole configuration, checked: the rules for image names and for pods.
public struct SwapPolicy: Equatable, Sendable {
  public internal(set) var mirrors: [Mirror] = []
  public internal(set) var ignored: [IgnoreRule] = []
  public internal(set) var exclusions: [Exclusion] = []
  /// Whether the original names are kept in an annotation.
  public internal(set) var annotatesOriginals = false
  /// Names of secrets that a redirected pod gets to pull with.
  public internal(set) var imagePullSecrets: [String] = []
}

/// What becomes of one image name.
public enum Decision: Equatable, Sendable {
  /// The image is pulled as `image`, because of the mirror.
  case redirected(image: String, by: Mirror)
  /// The image name is empty.
  case empty
  /// The image name is `auto`, which a service mesh replaces when it injects its sidecar.
  case placeholder
  /// The image name is an ID, which only the node's own images have.
  case imageID
  /// The image name is not valid.
  case invalid(ImageReferenceError)
  /// The image name is valid, and no registry can be told from it.
  case noRegistry
  /// The image already lies under the mirror's target.
  case alreadyRedirected(Mirror)
  /// The rule says to leave the image alone.
  case ignored(IgnoreRule)
  /// No mirror's source matches.
  case noMirror
  /// The mirror's result, `image`, would be no valid name.
  case invalidResult(image: String, by: Mirror)
}

extension Decision {
  /// Whether the image name is none, so that no rule was asked about it.
  public var isAboutNoName: Bool {
    switch self {
    case .empty, .placeholder, .imageID, .invalid: true
    case .redirected, .noRegistry, .alreadyRedirected, .ignored, .noMirror, .invalidResult: false
    }
  }
}

extension SwapPolicy {
  /// Decides about one image name.
  ///
  /// The order is fixed: names that cannot be read, images already redirected (so that deciding twice changes
  /// nothing), ignored images, and last the mirror with the longest matching source.
  ///
  /// - Parameter image: the name as the pod has it.
  public func decide(_ image: String) -> Decision {
    if image.isEmpty { return .empty }
    if image == "auto" { return .placeholder }
    if isImageID(image) { return .imageID }
    let reference: ImageReference
    do throws(ImageReferenceError) {
      reference = try ImageReference(image)
    } catch {
      return .invalid(error)
    }
    guard reference.hasDomain else { return .noRegistry }
    let canonical = reference.canonical
    let name = canonical.full.utf8.span.extracting(..<canonical.nameCount)
    var best: Mirror?
    for mirror in mirrors {
      if mirror.holds(name) { return .alreadyRedirected(mirror) }
      if mirror.depth > best?.depth ?? -1, mirror.covers(name) { best = mirror }
    }
    for rule in ignored where rule.matches(canonical) { return .ignored(rule) }
    guard let mirror = best else { return .noMirror }
    let image = mirror.rewritten(canonical.full)
    // A result that parses to something outside the target is as bad as an invalid one, and so is a host without a path:
    // it parses to an image of Docker Hub.
    guard let result = try? ImageReference(image), result.hasDomain, mirror.holds(result.canonical),
      endOfComponent(image.utf8.span) < image.utf8.count
    else {
      return .invalidResult(image: image, by: mirror)
    }
    return .redirected(image: image, by: mirror)
  }
}
