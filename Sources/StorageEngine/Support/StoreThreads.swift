/// Who makes a store flush, dispatch and keep house.
package enum StoreDriving: Sendable {
    /// Threads of its own.
    case threads
    /// Whoever opened it, by calling the steps: the same calls in the same order have the same effect.
    case steps
}

/// The threads of an open store; each only repeats the steps of its part.
final class StoreThreads: Sendable {
    private let flush: WorkerThread
    private let dispatch: WorkerThread
    private let house: WorkerThread
    private let prepare: WorkerThread
    private let index: WorkerThread

    /// Starts them.
    init(
        flusher: Flusher, dispatcher: Dispatcher, housekeeper: Housekeeper, preparer: LogPreparer, index: KeyIndex?
    ) throws(StoreError) {
        let threads = (
            WorkerThread(name: "store-flush") { flusher.run() },
            WorkerThread(name: "store-dispatch") { dispatcher.run() },
            WorkerThread(name: "store-house") { housekeeper.run() },
            WorkerThread(name: "store-prepare") { preparer.run() },
            WorkerThread(name: "store-index") { index?.run() }
        )
        guard let flush = threads.0, let dispatch = threads.1, let house = threads.2, let prepare = threads.3,
            let index = threads.4
        else {
            throw StoreError(.io, "the system has no thread for the store")
        }
        self.flush = flush
        self.dispatch = dispatch
        self.house = house
        self.prepare = prepare
        self.index = index
    }

    /// Waits for their ends; the log is closed. What the last flush made durable is still dispatched.
    func join(log: CommitLog, index: KeyIndex?, housekeeper: Housekeeper) {
        prepare.join()
        flush.join()
        log.state.signal(CommitLog.Condition.dispatcher)
        dispatch.join()
        index?.close()
        self.index.join()
        housekeeper.stop()
        house.join()
    }
}
