import CStorageSupport

/// The `checkpoint` file: Apache's five longs (`store.md` §7), and behind them our own note of how far log and queues
/// are both on disk, which bounds what recovery reads. Apache ignores and keeps our part.
struct Checkpoint: Hashable {
    /// Store time of the newest flushed record.
    var logTimestampMillis: Int64 = 0
    /// Store time of the newest flushed consume queue unit.
    var queueTimestampMillis: Int64 = 0
    /// Store time of the newest record in the index files.
    var indexTimestampMillis: Int64 = 0
    var masterFlushedOffset: Int64 = 0
    var confirmOffset: Int64 = 0
    /// Start of a record (or end of the log) before which nothing needs to be looked at; nil when not known.
    var recoverFrom: Int64?
    /// How far the index is on disk; nil when not known.
    var index: IndexNote?

    static let fileBytes = 4096
    private static let noteAt = 1024
    /// The last two bytes are the format's version.
    private static let noteMagic = Int64(0x4D51_5357_4350_0000)
    /// The format that is written, and the newest that is read.
    static let format: Int64 = 1
    /// The version of a store that a newer program wrote; nil as a rule.
    private(set) var newerFormat: Int64?
    private static let indexNoteAt = 1088
    private static let indexNoteMagic = Int64(0x4D51_5357_4358_0001)
    private static let indexNoteBytes = 40

    init() {}

    init(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count >= Self.fileBytes else { return }
        logTimestampMillis = bytes.bigEndian(Int64.self, at: 0)
        queueTimestampMillis = bytes.bigEndian(Int64.self, at: 8)
        indexTimestampMillis = bytes.bigEndian(Int64.self, at: 16)
        masterFlushedOffset = bytes.bigEndian(Int64.self, at: 24)
        confirmOffset = bytes.bigEndian(Int64.self, at: 32)
        index = Self.indexNote(bytes)
        let note = UnsafeRawBufferPointer(rebasing: bytes[Self.noteAt..<Self.noteAt + 16])
        let magic = note.bigEndian(Int64.self, at: 0)
        guard magic & ~0xFFFF == Self.noteMagic else { return }
        let version = magic & 0xFFFF
        if version > Self.format {
            newerFormat = version
            return
        }
        guard version == Self.format,
            storage_crc32(0, note.baseAddress, note.count) == bytes.bigEndian(UInt32.self, at: Self.noteAt + 16)
        else { return }
        recoverFrom = note.bigEndian(Int64.self, at: 8)
    }

    private static func indexNote(_ bytes: UnsafeRawBufferPointer) -> IndexNote? {
        let note = UnsafeRawBufferPointer(rebasing: bytes[indexNoteAt..<indexNoteAt + indexNoteBytes])
        guard note.bigEndian(Int64.self, at: 0) == indexNoteMagic,
            storage_crc32(0, note.baseAddress, note.count)
                == bytes.bigEndian(UInt32.self, at: indexNoteAt + indexNoteBytes)
        else { return nil }
        return IndexNote(
            logOffset: note.bigEndian(Int64.self, at: 8), fileName: note.bigEndian(Int64.self, at: 16),
            nextEntry: Int32(clamping: note.bigEndian(Int64.self, at: 24)),
            endTimestampMillis: note.bigEndian(Int64.self, at: 32))
    }

    /// The newest time up to which everything is on disk, with Apache's margin of 3 s.
    var safeTimestampMillis: Int64 { max(3_000, min(logTimestampMillis, queueTimestampMillis)) - 3_000 }

    func write(to bytes: UnsafeMutableRawBufferPointer) {
        bytes.initializeMemory(as: UInt8.self, repeating: 0)
        guard let base = bytes.baseAddress else { return }
        base.putBigEndian(logTimestampMillis, at: 0)
        base.putBigEndian(queueTimestampMillis, at: 8)
        base.putBigEndian(indexTimestampMillis, at: 16)
        base.putBigEndian(masterFlushedOffset, at: 24)
        base.putBigEndian(confirmOffset, at: 32)
        if let index {
            base.putBigEndian(Self.indexNoteMagic, at: Self.indexNoteAt)
            base.putBigEndian(index.logOffset, at: Self.indexNoteAt + 8)
            base.putBigEndian(index.fileName, at: Self.indexNoteAt + 16)
            base.putBigEndian(Int64(index.nextEntry), at: Self.indexNoteAt + 24)
            base.putBigEndian(index.endTimestampMillis, at: Self.indexNoteAt + 32)
            base.putBigEndian(
                storage_crc32(0, base + Self.indexNoteAt, Self.indexNoteBytes),
                at: Self.indexNoteAt + Self.indexNoteBytes)
        }
        guard let recoverFrom else { return }
        base.putBigEndian(Self.noteMagic | Self.format, at: Self.noteAt)
        base.putBigEndian(recoverFrom, at: Self.noteAt + 8)
        base.putBigEndian(storage_crc32(0, base + Self.noteAt, 16), at: Self.noteAt + 16)
    }
}

/// The file behind a `Checkpoint`.
final class CheckpointFile: Sendable {
    private let file: any StoreFile

    init(files: any FileSystem, path: String) throws(FileSystemError) {
        file = try files.openFile(path, mode: .create(size: Checkpoint.fileBytes, reserve: true))
    }

    func load() throws(FileSystemError) -> Checkpoint {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Checkpoint.fileBytes, alignment: 8)
        defer { buffer.deallocate() }
        buffer.initializeMemory(as: UInt8.self, repeating: 0)
        _ = try file.read(into: buffer, at: 0)
        return Checkpoint(UnsafeRawBufferPointer(buffer))
    }

    func save(_ checkpoint: Checkpoint) throws(FileSystemError) {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Checkpoint.fileBytes, alignment: 8)
        defer { buffer.deallocate() }
        checkpoint.write(to: buffer)
        try file.write(UnsafeRawBufferPointer(buffer), at: 0)
        try file.synchronize()
    }
}
