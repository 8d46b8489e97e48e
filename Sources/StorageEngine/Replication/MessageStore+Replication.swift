import NIOCore

/// The log as a master's replication sees it.
extension MessageStore {
    /// Bytes of one file of the log.
    package var logFileBytes: Int { segments.fileBytes }

    /// End of what may be sent to replicas: with SYNC_FLUSH, of what is on the disk.
    package var sendableLogEnd: Int64 { log.state.withLock { $0.sendableEnd(isSynchronous: log.isSynchronous) } }

    /// Appends bytes of the log to `buffer`, from an offset on and of one file: as many as may be sent, up to `bytesMax`.
    /// Answers how many; an error when the offset is not in the log. Waits for the disk.
    package func readLog(from offset: Int64, bytesMax: Int, into buffer: inout ByteBuffer) throws(StoreError) -> Int {
        let end = sendableLogEnd
        if offset == end { return 0 }
        guard offset < end, let segment = segments.segment(at: offset) else {
            throw StoreError(.refused, "\(offset) is not in the log, which has \(minLogOffset) to \(end)")
        }
        let count = Int(min(Int64(bytesMax), min(end, segment.end) - offset))
        var failure: FileSystemError?
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { bytes in
            do throws(FileSystemError) {
                try segment.copyOut(
                    into: UnsafeMutableRawBufferPointer(rebasing: bytes[..<count]), at: Int(offset - segment.base))
                return count
            } catch {
                failure = error
                return 0
            }
        }
        if let failure { throw StoreError(failure) }
        return count
    }

    /// Waits until what may be sent to replicas reaches behind an offset, until ``endWaitForLog()``, or until the time is
    /// over. For one thread.
    package func waitForLog(beyond offset: Int64, timeoutMillis: Int64) {
        log.waitForGrowth(beyond: offset, timeoutMillis: timeoutMillis)
    }

    /// Ends the wait for the log.
    package func endWaitForLog() { log.askReplication() }

    /// Shows nothing behind an offset of the log to readers, as no replica has it yet; nil shows everything.
    package func show(replicatedTo offset: Int64?) { log.confirm(replicatedTo: offset) }

    /// The table of deleted topics, for ``LogReceiver/adoptDeletedTopics(_:)``.
    package var deletedTopics: [UInt8] { queues.tombstones.encoded }
}
