import NIOCore

/// What replication does with the log: a master's is waited for and shown as far as replicas have it, a replica's grows by
/// bytes that are taken over as they are.
extension CommitLog {
    /// Waits until what may be sent to replicas reaches behind an offset, until it is asked, or until the time is over.
    ///
    /// First it naps: while the log grows fast, not each append has to wake the thread.
    func waitForGrowth(beyond offset: Int64, timeoutMillis: Int64) {
        WorkerThread.nap(nanos: Self.replicationNapNanos)
        _ = state.wait(on: Condition.replication, timeoutMillis: timeoutMillis) { [isSynchronous] state -> Void? in
            if state.replicationIsAsked || state.isClosed || state.sendableEnd(isSynchronous: isSynchronous) > offset {
                state.replicationIsAsked = false
                return ()
            }
            state.replicationIsParked = true
            return nil
        }
    }

    private static let replicationNapNanos = 50_000

    /// Ends that wait.
    func askReplication() {
        state.withLock { $0.replicationIsAsked = true }
        state.signal(Condition.replication)
    }

    /// Says how far replicas have the log: nothing behind is read. Nil when they need not have it.
    func confirm(replicatedTo offset: Int64?) {
        let mustSignal = state.withLock { [isSynchronous] state in
            // What readers may have seen stays: they take what is gone for lost.
            let shown = state.readableEnd(isSynchronous: isSynchronous)
            state.replicatedOffset = offset.map { max($0, shown) }
            return state.takeDispatcherWake()
        }
        if mustSignal { state.signal(Condition.dispatcher) }
    }

    /// Appends bytes of a master's log, which lie in one file there. An empty log begins where they do.
    func appendReplicated(_ bytes: ByteBuffer, at offset: Int64, nowMillis: Int64) throws(StoreError) {
        while true {
            var wakes = Wakes()
            let isDone = try state.withLock { state throws(StoreError) in
                try checkWritable(&state)
                let isEmpty = segments.all.isEmpty
                guard isEmpty ? offset % Int64(segments.fileBytes) == 0 : offset == state.writeOffset else {
                    throw StoreError(.refused, "bytes at \(offset) of the log where \(state.writeOffset) is its end")
                }
                if state.reachesClaim(bytes.readableBytes) { return false }
                let segment: LogSegment
                if let existing = segments.segment(at: offset) {
                    segment = existing
                } else {
                    segment = try newSegment(at: offset, nowMillis: nowMillis, &state)
                }
                let end = offset + Int64(bytes.readableBytes)
                guard end <= segment.end else {
                    throw StoreError(
                        .refused, "\(bytes.readableBytes) bytes at \(offset) of the log go beyond \(segment.path)")
                }
                if state.segment === segment { try checkReserved(segment, to: end, state) }
                try copy(bytes, to: segment, at: offset, &state)
                if isEmpty {
                    state.flushedOffset = offset
                    state.preparedOffset = offset
                }
                state.segment = segment
                state.writeOffset = end
                wakes = wakesDue(&state)
                return true
            }
            wake(wakes)
            if isDone { return }
            _ = state.wait(on: Condition.appender) { $0.reachesClaim(bytes.readableBytes) ? nil : () }
        }
    }

    /// Has records dispatched that are in the log already.
    func dispatchReplicated(_ records: [Pending], newestTimestampMillis: Int64) {
        let mustSignal = state.withLock { state in
            state.pending += records
            state.newestTimestampMillis = newestTimestampMillis
            // With SYNC_FLUSH too: they may be on the disk by now.
            return state.takeDispatcherWake()
        }
        if mustSignal { state.signal(Condition.dispatcher) }
    }
}
