/// Finds the valid key that a mistyped one was probably meant to be.
package enum NearestKey {
    /// The key of `keys` with the smallest edit distance to `key`, case aside; `others` are tried if none is near.
    package static func find(_ key: String, among keys: Set<String>, orIfNoneNear others: Set<String> = []) -> String? {
        nearest(key, keys) ?? nearest(key, others)
    }

    private static func nearest(_ key: String, _ keys: Set<String>) -> String? {
        let wanted = Array(key.lowercased().utf8)
        let distanceMax = max(2, wanted.count / 2)
        var best: (distance: Int, key: String)?
        for candidate in keys.sorted() {
            let distance = editDistance(wanted, Array(candidate.lowercased().utf8))
            if distance <= distanceMax, distance < best?.distance ?? .max { best = (distance, candidate) }
        }
        return best?.key
    }

    /// Insertions, deletions and replacements that turn one text into the other.
    static func editDistance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        var row = Array(0...right.count)
        for (leftIndex, leftByte) in left.enumerated() {
            var diagonal = row[0]
            row[0] = leftIndex + 1
            for (rightIndex, rightByte) in right.enumerated() {
                let replaced = diagonal + (leftByte == rightByte ? 0 : 1)
                diagonal = row[rightIndex + 1]
                row[rightIndex + 1] = min(replaced, diagonal + 1, row[rightIndex] + 1)
            }
        }
        return row[right.count]
    }
}
