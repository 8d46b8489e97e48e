import ProtoMessages

/// A table keyed by text that is looked up by the bytes of a request, so that no string is made for it.
struct ByteKeyTable<Value> {
    private struct Slot {
        let key: [UInt8]
        var value: Value
    }

    private var slots: [UInt64: [Slot]] = [:]
    /// Entries.
    private(set) var count = 0

    /// Varies from process to process, so that nobody can prepare keys that collide.
    private let seed = UInt64.random(in: .min ... .max)

    private func hash(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325 ^ seed
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return hash ^ hash >> 32
    }

    func find(_ key: ProtoText) -> Value? {
        guard let chain = slots[hash(key.bytes)] else { return nil }
        for slot in chain where slot.key.count == key.count && key.bytes.elementsEqual(slot.key) { return slot.value }
        return nil
    }

    mutating func insert(_ key: String, _ value: Value) {
        var key = key
        key.withUTF8 { utf8 in
            let bytes = UnsafeRawBufferPointer(utf8)
            let hash = hash(bytes)
            if let index = slots[hash]?.firstIndex(where: { bytes.elementsEqual($0.key) }) {
                slots[hash]?[index].value = value
            } else {
                slots[hash, default: []].append(Slot(key: Array(bytes), value: value))
                count += 1
            }
        }
    }

    mutating func removeAll(where shouldRemove: (Value) -> Bool) {
        for (hash, chain) in slots {
            let kept = chain.filter { !shouldRemove($0.value) }
            count -= chain.count - kept.count
            slots[hash] = kept.isEmpty ? nil : kept
        }
    }
}
