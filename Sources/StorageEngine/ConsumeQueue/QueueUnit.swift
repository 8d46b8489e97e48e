/// One entry of a consume queue: log offset 8, record size 4, tags code 8 (`store.md` §5.1).
struct QueueUnit: Hashable {
    static let size = 20

    var logOffset: Int64
    var recordSize: Int32
    var tagsCode: Int64

    /// Fills places before the first message of a queue whose history is gone.
    static let preFill = QueueUnit(logOffset: 0, recordSize: Int32.max, tagsCode: 0)

    init(logOffset: Int64, recordSize: Int32, tagsCode: Int64) {
        self.logOffset = logOffset
        self.recordSize = recordSize
        self.tagsCode = tagsCode
    }

    init(_ bytes: UnsafeRawPointer) {
        logOffset = bytes.bigEndian(Int64.self, at: 0)
        recordSize = bytes.bigEndian(Int32.self, at: 8)
        tagsCode = bytes.bigEndian(Int64.self, at: 12)
    }

    func write(to bytes: UnsafeMutableRawPointer) {
        bytes.putBigEndian(logOffset, at: 0)
        bytes.putBigEndian(recordSize, at: 8)
        bytes.putBigEndian(tagsCode, at: 12)
    }

    /// Written by a dispatch, not empty space of a fresh file.
    var isWritten: Bool { logOffset >= 0 && recordSize > 0 }
    /// In place of the tags code stands the address of a unit in `consumequeue_ext`, which Apache writes when
    /// `enableConsumeQueueExt` is set (`store.md` §5.2).
    var hasExtensionAddress: Bool { tagsCode < Int64(Int32.min) }
    /// Points at a record.
    var isMessage: Bool { isWritten && recordSize != Int32.max }
}
