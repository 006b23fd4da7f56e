// swift-tools-version: 6.2
import PackageDescription

// Every target says where it touches memory unsafely; ImageReference, JSON, SwapPolicy, Admission and HTTP1,
// which read bytes from outside, contain none.
let strict: [SwiftSetting] = [.strictMemorySafety()]

let package = Package(
  name: "pisw",
  products: [.executable(name: "pisw-mutate", targets: ["pisw-mutate"])],
  targets: [
    .executableTarget(name: "pisw-mutate", dependencies: ["OneShot", "CPOSIX"], swiftSettings: strict),
    .target(
      name: "OneShot", dependencies: ["Admission", "HTTP1", "SwapPolicy", "JSON"], swiftSettings: strict),
    .target(name: "HTTP1", swiftSettings: strict),
    .target(name: "Admission", dependencies: ["SwapPolicy", "JSON"], swiftSettings: strict),
    .target(name: "SwapPolicy", dependencies: ["ImageReference", "YAML", "JSON"], swiftSettings: strict),
    .target(name: "YAML", dependencies: ["CYAML"], swiftSettings: strict),
    .target(name: "JSON", swiftSettings: strict),
    .target(name: "ImageReference", swiftSettings: strict),
    .target(name: "CPOSIX"),
    .systemLibrary(name: "CYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
  ]
)
