// How the listener starts: its sockets, the confinement of reviews, and what it puts into force, also after a reload.

import CLinux
import Glibc
import System
import TLS

extension Listener {
  func listeningSocket(_ address: Address, _ name: String) throws(StartError) -> Int32 {
    // With TCP_DEFER_ACCEPT, a client that sends nothing stays in the kernel for as long as it could take for its
    // handshake here.
    let deferred = Int32(settings.handshakeTimeout / 1000)
    var socket = unsafe address.withSocketAddress { unsafe posix_listen($0, $1, deferred) }
    if socket < 0, errno == EAFNOSUPPORT, address.host == "::" {
      let onlyIPv4 = Address("0.0.0.0:" + String(address.port))
      socket = unsafe onlyIPv4?.withSocketAddress { unsafe posix_listen($0, $1, deferred) } ?? -1
    }
    if socket < 0 { throw .system("cannot listen on " + address.description + ": " + SystemError.last.description) }
    var own = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    _ = unsafe withUnsafeMutableBytes(of: &own) { bytes in
      unsafe getsockname(socket, bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self), &length)
    }
    var fields = log.fields
    fields.add("port", name)
    fields.add("address", Address(own).description)
    log.write(.info, "listening", fields)
    return socket
  }

  /// Determines whether reviews can be confined, by running one. Call after `posix_harden`: a process without
  /// CAP_SYS_ADMIN may install a filter only with PR_SET_NO_NEW_PRIVS.
  ///
  /// - Parameter hasReserve: whether the memory of a review is already mapped. A confined process cannot ask for more.
  /// - Throws: `StartError.system` if confinement fails and the settings require it.
  mutating func confineReviews(hasReserve: Bool) throws(StartError) {
    guard settings.sandbox != .off, settings.isolation == .request else { return }
    let fault =
      hasReserve
      ? rehearseConfined(handler, addressSpace: addressSpace, format: log.format)
      : "cannot reserve a review's memory: the address space limit (RLIMIT_AS) is too low"
    if let fault {
      if settings.sandbox == .require { throw .system("reviews cannot be confined (seccomp): " + fault) }
      var fields = log.fields
      fields.add("reason", fault)
      log.write(
        .warning, "reviews are not confined (seccomp): their limits apply, but they may make any system call", fields)
      return
    }
    confinesReviews = true
    counters.confinesReviews = true
    posix_share_descriptors()
  }

  /// Puts the current certificate into force.
  mutating func applyIdentity() {
    identity.warmUp()
    counters.certificateExpiry = identity.expiry
    if identity.expiry < time(nil) {
      log.write(.warning, sources.tls.certificate + ": the certificate has expired; clients will refuse it")
    }
  }

  /// Puts the current configuration into force.
  mutating func applyHandler() {
    counters.register(handler.labels)
    generation += 1
    state.generation = generation
    if let slot = freeSlots.last {
      rehearse(handler, context, state[slot: slot])
      state[slot: slot].clear()
    }
  }
}
