import CStorageSupport
import NIOCore

/// What a start has to know of a queue that it does not look at.
struct QueueBounds: Hashable {
    /// Offsets that can be read.
    var offsets: Range<Int64>
    /// Numbers of the files there are.
    var numbers: ClosedRange<Int64>?
    /// Log offsets of the first and the last message; nil when not known.
    var oldestLogOffset: Int64?
    var newestLogOffset: Int64?
    /// Built from the log by the next start: a file is missing.
    var isLost = false

    /// Whether the files can hold the units, as they do unless something is amiss.
    func fit(fileBytes: Int) -> Bool {
        if offsets.isEmpty, numbers == nil { return offsets.lowerBound == 0 }
        guard let numbers else { return false }
        let unitsPerFile = Int64(fileBytes / QueueUnit.size)
        return numbers.lowerBound <= offsets.lowerBound / unitsPerFile
            && (max(0, offsets.upperBound - 1)) / unitsPerFile <= numbers.upperBound
    }
}

/// The bounds of all queues at a moment, as the file `queuebounds` tells them.
struct QueueImage: Equatable {
    /// The circumstances under which what the file says and what the queues' files hold belong together.
    struct Origin: Hashable {
        /// The lock file, which other programs write to when they open the store.
        var lock: FileStamp
        /// The run of the machine.
        var boot: String
        /// Bytes of a queue file.
        var queueFileBytes: Int64
    }

    var origin: Origin
    /// All messages before are in the bounds and in the files.
    var logOffset: Int64
    var topics: [String: [Int32: QueueBounds]] = [:]
}

/// One block of the file: the bounds of all queues, or of those that changed since the block before.
///
/// Big-endian: magic 8, bytes of the rest 4, CRC 4 of the rest; then file stamp 24, boot as a string, bytes of a queue
/// file 8, log offset 8, topics 4; of each its name and the number of its queues 4; of each its id 4, a byte of flags, the
/// offsets 16, the file numbers 16 and the log offsets 16, with -1 for what there is not. A string is its length 4 and
/// its UTF-8.
struct QueueBoundsBlock {
    private static let wholeMagic = Int64(0x4D51_5357_5142_0001)
    private static let changesMagic = Int64(0x4D51_5357_5143_0001)
    private static let headBytes = 16
    /// Larger offsets and numbers are damage: no sum with them overflows.
    private static let numberMax = Int64(1) << 40

    var isWhole: Bool
    var origin: QueueImage.Origin
    var logOffset: Int64
    var topics: [(name: String, queues: [(id: Int32, bounds: QueueBounds)])]

    func encoded() -> ByteBuffer {
        var payload = ByteBuffer()
        payload.writeMultipleIntegers(
            origin.lock.modifiedNanos, Int64(bitPattern: origin.lock.number), Int64(bitPattern: origin.lock.device))
        payload.write(text: origin.boot)
        payload.writeMultipleIntegers(origin.queueFileBytes, logOffset, Int32(clamping: topics.count))
        for (name, queues) in topics {
            payload.write(text: name)
            payload.writeInteger(Int32(clamping: queues.count))
            for (id, bounds) in queues {
                payload.writeMultipleIntegers(
                    id, UInt8(bounds.isLost ? 1 : 0), bounds.offsets.lowerBound, bounds.offsets.upperBound,
                    bounds.numbers?.lowerBound ?? -1, bounds.numbers?.upperBound ?? -1, bounds.oldestLogOffset ?? -1,
                    bounds.newestLogOffset ?? -1)
            }
        }
        let checksum = payload.withUnsafeReadableBytes { storage_crc32(0, $0.baseAddress, $0.count) }
        var block = ByteBuffer()
        block.reserveCapacity(Self.headBytes + payload.readableBytes)
        block.writeMultipleIntegers(
            isWhole ? Self.wholeMagic : Self.changesMagic, Int32(clamping: payload.readableBytes), checksum)
        block.writeImmutableBuffer(payload)
        return block
    }

    /// Takes a block from the front; nil, and nothing taken, when there is no whole one.
    static func read(_ bytes: inout ByteBuffer) -> Self? {
        var rest = bytes
        guard let (magic, count, checksum) = rest.readMultipleIntegers(as: (Int64, Int32, UInt32).self),
            magic == wholeMagic || magic == changesMagic, count >= 0, var payload = rest.readSlice(length: Int(count)),
            payload.withUnsafeReadableBytes({ storage_crc32(0, $0.baseAddress, $0.count) }) == checksum,
            let block = parse(&payload, isWhole: magic == wholeMagic)
        else { return nil }
        bytes = rest
        return block
    }

    private static func parse(_ payload: inout ByteBuffer, isWhole: Bool) -> Self? {
        guard let stamp = payload.readMultipleIntegers(as: (Int64, UInt64, UInt64).self),
            let boot = payload.readText(),
            let (fileBytes, logOffset, topicCount) = payload.readMultipleIntegers(as: (Int64, Int64, Int32).self)
        else { return nil }
        let lock = FileStamp(modifiedNanos: stamp.0, number: stamp.1, device: stamp.2)
        var block = Self(
            isWhole: isWhole, origin: QueueImage.Origin(lock: lock, boot: boot, queueFileBytes: fileBytes),
            logOffset: logOffset, topics: [])
        for _ in 0..<max(0, topicCount) {
            guard let name = payload.readText(), let queueCount = payload.readInteger(as: Int32.self),
                let queues = readQueues(&payload, count: queueCount)
            else { return nil }
            block.topics.append((name, queues))
        }
        return payload.readableBytes == 0 ? block : nil
    }

    private static func readQueues(
        _ payload: inout ByteBuffer, count: Int32
    ) -> [(id: Int32, bounds: QueueBounds)]? {
        var queues: [(id: Int32, bounds: QueueBounds)] = []
        for _ in 0..<max(0, count) {
            guard let (id, flags) = payload.readMultipleIntegers(as: (Int32, UInt8).self),
                let (low, high, first, last, oldest, newest) = payload.readMultipleIntegers(
                    as: (Int64, Int64, Int64, Int64, Int64, Int64).self),
                id >= 0, low >= 0, low <= high, high <= numberMax, first <= last, last <= numberMax
            else { return nil }
            queues.append(
                (
                    id,
                    QueueBounds(
                        offsets: low..<high, numbers: first < 0 ? nil : first...last,
                        oldestLogOffset: oldest < 0 ? nil : oldest, newestLogOffset: newest < 0 ? nil : newest,
                        isLost: flags & 1 != 0)
                ))
        }
        return queues
    }
}

extension ByteBuffer {
    fileprivate mutating func write(text: String) {
        writeInteger(Int32(clamping: text.utf8.count))
        writeString(text)
    }

    fileprivate mutating func readText() -> String? {
        guard let count = readInteger(as: Int32.self), count >= 0 else { return nil }
        return readString(length: Int(count))
    }
}
