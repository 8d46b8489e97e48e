import NIOCore
import RemotingCodec
import StorageEngine

/// The small files of a broker that a replica keeps copies of. With them and the log it is what the master would be after a
/// crash: each file says of which part of the log it is, and a start reads the rest from there.
enum ReplicaFiles {
    /// Those of the `config` directory.
    static let registryNames = [
        "topics.json", "subscriptionGroup.json", ConsumerOffsets.fileName, RequestModeRegistry.fileName,
        SavedFilters.fileName, DelayProgress.fileName, TransactionService.markFileName, LedgerJournal.snapshotName,
    ]
    /// The store's table of deleted topics.
    static let deletedTopics = "deletedtopics"
    /// Largest piece of a file in one answer.
    static let pieceBytes = 4 << 20

    static func mark(_ name: String, _ content: [UInt8]) -> ReplicaFileList.File {
        ReplicaFileList.File(
            name: name, bytes: Int64(content.count), checkSum: content.withUnsafeBytes { Zlib.checkSum($0) })
    }

    /// A file as it is now; nil when there is none, or none of that name is copied.
    static func content(
        _ name: String, in storage: any RegistryStorage, _ store: MessageStore
    ) throws(BrokerError) -> [UInt8]? {
        if name == deletedTopics { return store.deletedTopics }
        return registryNames.contains(name) ? try storage.read(name) : nil
    }
}

/// The copies that a replica has, and what it fetches: one file at a time, piece by piece. A copy is put in place when the
/// replica has all of the log that it may be about. Knows no socket and no file.
struct ReplicaFileCopies {
    /// What to ask the master for.
    struct Order: Equatable {
        var name: String
        var offset: Int64
    }

    /// A copy that is complete.
    struct Copy: Equatable {
        var name: String
        var content: [UInt8]
        /// What the file is about lies before this end of the log.
        var logEnd: Int64
    }

    private var have: [String: ReplicaFileList.File]
    private var wanted: [ReplicaFileList.File] = []
    private var partial: [UInt8] = []
    /// Bytes of it are in `partial`.
    private var fetching: ReplicaFileList.File?
    private var complete: [Copy] = []
    private let bytesMax: Int64

    /// With the copies that are in place, and the largest file that is taken.
    init(have: [ReplicaFileList.File], bytesMax: Int64 = Int64(RegistryDirectory.fileBytesMax)) {
        self.have = Dictionary(have.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        self.bytesMax = bytesMax
    }

    /// Whether something is asked for, or complete and not in place yet.
    var isBusy: Bool { fetching != nil || !complete.isEmpty }

    /// The master has told what files it has; answers what to ask for. Names that are not known here are passed over.
    mutating func listed(_ list: ReplicaFileList) -> Order? {
        if isBusy { return nil }
        wanted = list.files.filter { file in
            let isKnown = file.name == ReplicaFiles.deletedTopics || ReplicaFiles.registryNames.contains(file.name)
            return isKnown && have[file.name] != file && file.bytes <= bytesMax
        }
        // First: records of the log may have to wait for it.
        wanted.sort { $1.name == ReplicaFiles.deletedTopics && $0.name != $1.name }
        return next()
    }

    private mutating func next() -> Order? {
        partial = []
        fetching = wanted.popLast()
        return fetching.map { Order(name: $0.name, offset: 0) }
    }

    /// The piece that an order asked for has come; answers what to ask for next. A file that changed meanwhile is left for the
    /// next list.
    mutating func received(
        _ piece: ByteBuffer, for order: Order, of header: GetReplicaFileResponseHeader
    ) -> Order? {
        guard let file = fetching, file.name == order.name, Int64(partial.count) == order.offset else { return nil }
        partial += piece.readableBytesView
        guard header.fileBytes <= bytesMax, Int64(partial.count) <= header.fileBytes else { return next() }
        if Int64(partial.count) < header.fileBytes {
            return piece.readableBytes > 0 ? Order(name: file.name, offset: Int64(partial.count)) : next()
        }
        guard partial.withUnsafeBytes({ Zlib.checkSum($0) }) == header.checkSum else { return next() }
        // The table of deleted topics is about what is still to come, too.
        let isTable = file.name == ReplicaFiles.deletedTopics
        complete.append(Copy(name: file.name, content: partial, logEnd: isTable ? 0 : header.logEnd))
        return next()
    }

    /// The master did not answer.
    mutating func failed() {
        wanted = []
        _ = next()
    }

    /// Begins anew, the table of deleted topics included: the connection that the log came over is gone.
    mutating func restart() {
        wanted = []
        partial = []
        fetching = nil
        complete = []
        have[ReplicaFiles.deletedTopics] = nil
    }

    /// The copies that may be put in place, as the log reaches so far. They count as in place.
    mutating func takeReady(logEnd: Int64) -> [Copy] {
        let ready = complete.filter { $0.logEnd <= logEnd }
        complete.removeAll { $0.logEnd <= logEnd }
        for copy in ready { have[copy.name] = ReplicaFiles.mark(copy.name, copy.content) }
        return ready
    }

    /// A copy could not be put in place: it is fetched again.
    mutating func lost(_ name: String) { have[name] = nil }
}
