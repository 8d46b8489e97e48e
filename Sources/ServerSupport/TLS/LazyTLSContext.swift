import Logging
import NIOConcurrencyHelpers
import NIOSSL

/// A server context that is made when the first client asks for TLS: most legacy clients never do.
package final class LazyTLSContext: Sendable {
    private enum State {
        case unmade
        case made(NIOSSLContext)
        case failed
    }

    private let settings: TLSSettings
    private let logger: Logger
    private let state = NIOLockedValueBox(State.unmade)

    /// Remembers the settings.
    package init(_ settings: TLSSettings, logger: Logger) {
        self.settings = settings
        self.logger = logger
    }

    /// Makes the context now, from the files as they are: for a start that must fail with them, and again when they have
    /// changed. A context that was made before stays when it fails; connections that are open keep theirs.
    package func load() throws(ServerSupportError) {
        let context = try TLSConfigurationLoader.serverContext(settings)
        state.withLockedValue { $0 = .made(context) }
    }

    /// ``load()`` at run time; a failure is logged.
    package func reload() {
        do throws(ServerSupportError) {
            try load()
            logger.info("certificate reloaded")
        } catch {
            logger.error("the certificate was not reloaded", metadata: ["reason": "\(error)"])
        }
    }

    /// The context; nil when it cannot be made, which is logged once.
    package var context: NIOSSLContext? {
        let (context, fault) = state.withLockedValue { state -> (NIOSSLContext?, ServerSupportError?) in
            switch state {
            case .made(let context): return (context, nil)
            case .failed: return (nil, nil)
            case .unmade: break
            }
            do throws(ServerSupportError) {
                let context = try TLSConfigurationLoader.serverContext(settings)
                state = .made(context)
                return (context, nil)
            } catch {
                state = .failed
                return (nil, error)
            }
        }
        if let fault { logger.error("TLS is not available", metadata: ["error": "\(fault)"]) }
        return context
    }
}
