/// Why the store refused something.
package struct StoreError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kinds callers tell apart.
    package enum Code: String, Sendable {
        /// The partition has no room; writes go on when there is some again.
        case diskFull
        /// Body or record over the limit.
        case messageTooLarge
        /// Property text over 32,767 bytes.
        case propertiesTooLarge
        /// A topic name or batch that no record can hold.
        case illegalMessage
        /// Writing is switched off.
        case notWritable
        /// A write or fsync failed before: nothing is acknowledged any more until a restart.
        case fenced
        /// A flush takes longer than `syncFlushTimeout`; whether the message lasts is open.
        case flushTimeout
        /// The store is closed.
        case shutdown
        /// More waits to be dispatched than the bound allows.
        case busy
        /// Reading or writing a file failed.
        case io
        /// The directory cannot be opened as it is; the message says what to do.
        case refused
    }

    /// The kind.
    package var code: Code
    /// A sentence for people.
    package var message: String

    /// An error of a kind.
    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    init(_ cause: FileSystemError) {
        switch cause.kind {
        case .noSpace: self.init(.diskFull, cause.description)
        case .permissionDenied: self.init(.refused, cause.description)
        case .notFound, .inputOutput, .locked, .other: self.init(.io, cause.description)
        }
    }

    package var description: String { "\(code.rawValue): \(message)" }
}
