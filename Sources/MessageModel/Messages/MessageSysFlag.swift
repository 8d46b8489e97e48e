/// Bits that travel with a message.
package struct MessageSysFlag: OptionSet, Hashable, Sendable {
    package let rawValue: Int32
    package init(rawValue: Int32) { self.rawValue = rawValue }

    package static let compressed = MessageSysFlag(rawValue: 0x1)
    package static let multiTags = MessageSysFlag(rawValue: 0x2)
    package static let transactionPrepared = MessageSysFlag(rawValue: 0x4)
    package static let transactionCommit = MessageSysFlag(rawValue: 0x8)
    package static let transactionRollback = MessageSysFlag(rawValue: 0xC)
    package static let bornHostV6 = MessageSysFlag(rawValue: 0x10)
    package static let storeHostV6 = MessageSysFlag(rawValue: 0x20)
    package static let needUnwrap = MessageSysFlag(rawValue: 0x40)
    package static let innerBatch = MessageSysFlag(rawValue: 0x80)

    /// How a body is compressed.
    package enum Compression: Int32, Hashable, Sendable {
        case lz4 = 1
        case zstd = 2
        case zlib = 3
    }

    /// What a message means to its transaction.
    package enum TransactionKind: Int32, Hashable, Sendable {
        case none = 0
        case prepared = 0x4
        case commit = 0x8
        case rollback = 0xC
    }

    /// The transaction bits: compare these, since rollback contains the bits of prepared and commit.
    package var transactionKind: TransactionKind { TransactionKind(rawValue: rawValue & 0xC) ?? .none }

    /// The flags with other transaction bits.
    package func with(_ kind: TransactionKind) -> MessageSysFlag {
        MessageSysFlag(rawValue: rawValue & ~0xC | kind.rawValue)
    }

    /// The flags without transaction bits.
    package var withoutTransaction: MessageSysFlag { with(TransactionKind.none) }

    /// The compression of the body, nil when it is plain or compressed in an unknown way; old clients mean zlib when they name none.
    package var compression: Compression? {
        guard contains(.compressed) else { return nil }
        return compressionType == 0 ? .zlib : Compression(rawValue: compressionType)
    }

    /// The number that says how a body is compressed, known or not.
    package var compressionType: Int32 { (rawValue >> 8) & 0x7 }

    /// The flags for a body compressed like this, or plain.
    package func with(_ compression: Compression?) -> MessageSysFlag {
        let plain = rawValue & ~0x701
        guard let compression else { return MessageSysFlag(rawValue: plain) }
        return MessageSysFlag(rawValue: plain | 1 | compression.rawValue << 8)
    }
}
