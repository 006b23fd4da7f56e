// Reads the certificate, the key and the configuration again when their files change.

import TLS

extension Listener {
  mutating func reloadIfChanged() {
    guard now >= lastReloadCheck + 1000 else { return }
    lastReloadCheck = now
    let isTLSChanged = watches.tls.checkForChanges()
    let isConfigurationChanged = watches.configuration.checkForChanges()
    if isTLSChanged || isConfigurationChanged {
      reload(isTLSChanged: isTLSChanged, isConfigurationChanged: isConfigurationChanged)
    }
  }

  /// Reads the changed files again. If they are not valid, the previous certificate or configuration stays in force.
  mutating func reload(isTLSChanged: Bool, isConfigurationChanged: Bool) {
    if isTLSChanged {
      do throws(TLSFileError) {
        identity = try TLSIdentity(sources.tls)
        applyIdentity()
        counters.countReload(of: "certificate", isSuccess: true)
        log.write(.info, "certificate reloaded")
      } catch {
        counters.countReload(of: "certificate", isSuccess: false)
        var fields = log.fields
        fields.add("reason", error.description)
        log.write(.error, "certificate not reloaded, the old one stays in force", fields)
      }
    }
    if isConfigurationChanged {
      do throws(LoadFailure) {
        handler = try sources.loadHandler()
        applyHandler()
        counters.countReload(of: "configuration", isSuccess: true)
        log.write(.info, "configuration reloaded")
      } catch {
        counters.countReload(of: "configuration", isSuccess: false)
        for problem in error.problems {
          var fields = log.fields
          fields.add("reason", problem)
          log.write(.error, "configuration not reloaded, the old one stays in force", fields)
        }
      }
    }
  }
}
