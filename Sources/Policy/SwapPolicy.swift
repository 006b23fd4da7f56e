// The rules: they decide what happens to one image name, and why.

import ImageReference

/// The rules of a valid configuration, for image names and for pods.
public struct SwapPolicy: Equatable, Sendable {
  public package(set) var mirrors: [Mirror] = []
  public package(set) var ignored: [IgnoreRule] = []
  public package(set) var exclusions: [Exclusion] = []
  /// Whether a redirected pod keeps the original image names in an annotation.
  public package(set) var annotatesOriginals = false
  /// Names of the secrets that a redirected pod gets, to pull with.
  public package(set) var imagePullSecrets: [String] = []

  /// No rules: every image stays.
  package init() {}
}

/// The decision about one image name.
public enum Decision: Equatable, Sendable {
  /// The mirror redirects the image to the name `image`.
  case redirected(image: String, by: Mirror)
  /// The image name is empty.
  case empty
  /// The image name is `auto`, which a service mesh replaces when it injects its sidecar.
  case placeholder
  /// The image name is an image ID, which a node looks up among its own images.
  case imageID
  /// The image name does not follow the grammar.
  case invalid(ImageReferenceError)
  /// The image name is valid, but its first component looks like a registry and is not a valid host (`a_b.com/x`).
  case noRegistry
  /// The image is already under the mirror's target.
  case alreadyRedirected(Mirror)
  /// The rule leaves the image alone.
  case ignored(IgnoreRule)
  /// No mirror's source matches.
  case noMirror
  /// The mirror's result, `image`, would not be a valid name under the target.
  case invalidResult(image: String, by: Mirror)
}

extension Decision {
  /// Whether the text does not name an image of a registry, so that no rule was evaluated.
  public var isNotAName: Bool {
    switch self {
    case .empty, .placeholder, .imageID, .invalid: true
    case .redirected, .noRegistry, .alreadyRedirected, .ignored, .noMirror, .invalidResult: false
    }
  }
}

extension SwapPolicy {
  /// Decides about one image name.
  ///
  /// The order is fixed: texts that do not name an image of a registry, images already under a target (so that a second
  /// decision changes nothing), ignored images, and last the mirror with the longest matching source.
  ///
  /// - Parameter image: the name as written in the pod.
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
      if mirror.targetCovers(name) { return .alreadyRedirected(mirror) }
      if mirror.depth > best?.depth ?? -1, mirror.sourceCovers(name) { best = mirror }
    }
    for rule in ignored where rule.matches(canonical) { return .ignored(rule) }
    guard let mirror = best else { return .noMirror }
    let image = mirror.rewritten(canonical.full)
    // A valid name may still be outside the target. And a host without a path would be an image of Docker Hub.
    guard let result = try? ImageReference(image), result.hasDomain, mirror.targetCovers(result.canonical),
      endOfComponent(image.utf8.span) < image.utf8.count
    else {
      return .invalidResult(image: image, by: mirror)
    }
    return .redirected(image: image, by: mirror)
  }
}
