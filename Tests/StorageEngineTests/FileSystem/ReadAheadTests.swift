import Testing

@testable import StorageEngine

@Suite("Reading ahead of a mapped file")
struct ReadAheadTests {
    private let fixture = StoreFixture()
    private let pieceBytes = 128 << 10
    private let pauseBytes = LinuxMappedRegion.pausedBytesMin

    private func map(bytes: Int) throws -> any MappedRegion {
        try LinuxFileSystem().makeDirectories(fixture.root)
        let file = try LinuxFileSystem().openFile(fixture.root + "/file", mode: .create(size: bytes, reserve: false))
        return try file.map()
    }

    private func pieces() throws -> [MappingPiece] { try MappingPiece.all(below: fixture.root + "/file") }

    private func piece(_ bytes: Int, _ readsAhead: Bool) -> MappingPiece {
        MappingPiece(bytes: bytes, readsAhead: readsAhead)
    }

    @Test("is off where pages are made, and the system is told once for many of them")
    func pausesInSteps() throws {
        let region = try map(bytes: 4 * pauseBytes)
        #expect(try pieces() == [piece(4 * pauseBytes, true)])
        for index in 0..<8 {
            try region.prepareForWriting(from: pieceBytes * (1 + index), count: pieceBytes)
            #expect(
                try pieces() == [
                    piece(pieceBytes, true), piece(pauseBytes, false), piece(3 * pauseBytes - pieceBytes, true),
                ])
        }
        try region.prepareForWriting(from: pauseBytes, count: 2 * pieceBytes)
        #expect(
            try pieces() == [piece(pauseBytes, true), piece(pauseBytes, false), piece(2 * pauseBytes, true)])
        // More than a step at once.
        try region.prepareForWriting(from: 0, count: 2 * pauseBytes)
        #expect(try pieces() == [piece(2 * pauseBytes, false), piece(2 * pauseBytes, true)])
    }

    @Test("is off for a sixteenth of a large file, and for 64 MB at most", arguments: [64 << 20, 2 << 30])
    func pauseHasASize(bytes: Int) throws {
        let region = try map(bytes: bytes)
        try region.prepareForWriting(from: 0, count: pieceBytes)
        let paused = min(bytes / 16, LinuxMappedRegion.pausedBytesMax)
        #expect(try pieces() == [piece(paused, false), piece(bytes - paused, true)])
    }

    @Test("is on again everywhere once the last page is made")
    func endsPause() throws {
        let region = try map(bytes: 2 * pauseBytes)
        try region.prepareForWriting(from: pauseBytes, count: pieceBytes)
        #expect(try pieces() == [piece(pauseBytes, true), piece(pauseBytes, false)])
        try region.prepareForWriting(from: 2 * pauseBytes - pieceBytes, count: pieceBytes)
        #expect(try pieces() == [piece(2 * pauseBytes, true)])
    }

    @Test("that is turned off stays off; turned on, it stays off where pages are made")
    func followsTheSetting() throws {
        let region = try map(bytes: 2 * pauseBytes)
        region.setReadAhead(false)
        try region.prepareForWriting(from: 0, count: pieceBytes)
        try region.prepareForWriting(from: pauseBytes, count: pieceBytes)
        #expect(try pieces() == [piece(2 * pauseBytes, false)])
        region.setReadAhead(true)
        #expect(try pieces() == [piece(pauseBytes, true), piece(pauseBytes, false)])
        region.setReadAhead(false)
        try region.prepareForWriting(from: 2 * pauseBytes - pieceBytes, count: pieceBytes)
        #expect(try pieces() == [piece(2 * pauseBytes, false)])
    }
}
