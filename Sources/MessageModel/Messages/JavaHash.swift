/// Java's string hash, which the store and the wire use for tags and keys.
package enum JavaHash {
    /// The hash over UTF-16 units.
    package static func hashCode(_ text: String) -> Int32 {
        var hash: Int32 = 0
        for unit in text.utf16 { hash = hash &* 31 &+ Int32(unit) }
        return hash
    }

    /// The hash of text given as UTF-8, without a `String`; bad sequences count as U+FFFD. `seed` is the hash of the text
    /// before it.
    package static func hashCode(utf8 bytes: UnsafeRawBufferPointer, after seed: Int32 = 0) -> Int32 {
        var hash = seed
        var index = 0
        while index < bytes.count, bytes[index] < 0x80 {
            hash = hash &* 31 &+ Int32(bytes[index])
            index += 1
        }
        if index == bytes.count { return hash }
        var decoder = UTF8()
        var iterator = bytes[index...].makeIterator()
        while true {
            switch decoder.decode(&iterator) {
            case .scalarValue(let scalar):
                for unit in UTF16.encode(scalar) ?? UTF16.encodedReplacementCharacter {
                    hash = hash &* 31 &+ Int32(unit)
                }
            case .error: hash = hash &* 31 &+ 0xFFFD
            case .emptyInput: return hash
            }
        }
    }

    /// What a consume queue stores for a message with these tags.
    package static func tagsCode(_ tags: String) -> Int64 { tags.isEmpty ? 0 : Int64(hashCode(tags)) }
}
