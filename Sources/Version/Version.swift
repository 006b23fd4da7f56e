// The version of this project, which every program tells.

/// The version, as semver.org has them.
public let version = "0.1.0"
