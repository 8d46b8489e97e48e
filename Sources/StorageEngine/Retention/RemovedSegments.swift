/// Files of the log whose names are gone and whose room is still to be given back, piece by piece.
///
/// A gigabyte at once is 0.3 s of discards that everything else on the disk waits behind. And as much memory is free at
/// once: a virtual machine may hand it to its host, 0.2 to 0.4 s in which nothing runs, and fault it in again for the next
/// records. So the log takes what its deleted files leave, at about the pace at which it grows.
struct RemovedSegments {
    private struct Remains {
        var segment: LogSegment
        /// What of the file is left.
        var bytes: Int
    }

    private var files: [Remains] = []
    /// Where the log ended at the last piece.
    private var logEnd: Int64?
    private static let pieceBytesMin = 8 << 20
    /// That part of all that waits goes with each piece: when a day's files are deleted, they are free in minutes.
    private static let pieceShare = 64

    /// Bytes that are still to be given back.
    var bytes: Int { files.reduce(0) { $0 + $1.bytes } }

    /// Takes a file whose name is gone.
    mutating func add(_ segment: LogSegment) {
        files.append(Remains(segment: segment, bytes: segment.count))
    }

    /// Gives one piece back, a quarter more than the log has grown since the last one. A file that someone still reads
    /// waits, and those behind it do not.
    mutating func giveBackPiece(logEnd: Int64) {
        let grown = Int(logEnd - (self.logEnd ?? logEnd))
        self.logEnd = logEnd
        var left = max(Self.pieceBytesMin, grown + grown / 4, bytes / Self.pieceShare)
        for index in files.indices where left > 0 && isKnownUniquelyReferenced(&files[index].segment) {
            let size = max(0, files[index].bytes - left)
            left -= files[index].bytes - size
            // The last piece goes with the file itself, and so does one that cannot be cut off.
            let isCut = size > 0 && (try? files[index].segment.cut(to: size)) != nil
            files[index].bytes = isCut ? size : 0
        }
        files.removeAll { $0.bytes == 0 }
    }

    /// Gives all back; what someone still reads goes when that one is through.
    mutating func giveBackAll() {
        files.removeAll()
    }
}
