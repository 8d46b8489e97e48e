import StorageEngine

extension DeliveryService {
    /// Has a store ask before it deletes a file of the log: a record of the journal that no snapshot on the disk includes
    /// must stay, or the next start would not know of deliveries and acknowledgements. Before the store opens.
    package func guardLog(of store: MessageStore) {
        // Neither may keep the other alive: the store holds the closure.
        store.setDeletionCheck { [weak self, weak store] end in
            guard let self, let store else { return false }
            return journal.canLose(logBefore: end, of: store)
        }
    }
}

extension LedgerJournal {
    /// Whether recovery needs nothing that lies before an offset of the log. If it does, a snapshot is taken soon by the
    /// journal's own thread: it may wait for the store, so the caller, who keeps house there, must not wait for it.
    func canLose(logBefore end: Int64, of store: MessageStore) -> Bool {
        // Nothing is known before recovery, and no snapshot can be taken.
        guard let covered = output.withLockedValue({ $0.coveredRecord }) else { return false }
        let first = max(covered, store.minOffset(topic: Self.topic, queueId: 0))
        if first >= store.maxOffset(topic: Self.topic, queueId: 0) { return true }
        // One that cannot be read counts as needed: with the next snapshot it is not asked for any more.
        if let offset = store.logOffset(topic: Self.topic, queueId: 0, queueOffset: first), offset >= end {
            return true
        }
        askForSnapshot()
        return false
    }
}
