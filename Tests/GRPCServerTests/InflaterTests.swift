import Testing

@testable import GRPCServer

@Suite struct InflaterTests {
    private static let bytesMax = 8 << 20
    private static let keptBytesMax = 64 << 10

    /// The size of what `bytes` decompress to.
    private func inflatedCount(_ bytes: [UInt8], with inflater: inout Inflater) throws -> Int {
        try bytes.withUnsafeBytes { try inflater.inflate($0, bytesMax: Self.bytesMax).count }
    }

    @Test func memoryOfALargeMessageIsGivenBack() throws {
        var inflater = Inflater()
        let count = try inflatedCount(gzip([UInt8](repeating: 7, count: 4 << 20)), with: &inflater)
        #expect(count == 4 << 20)
        var held = inflater.memoryBytes
        #expect(held >= count)
        inflater.release()
        held = inflater.memoryBytes
        #expect(held <= Self.keptBytesMax)
    }

    @Test func memoryOfARefusedMessageIsGivenBack() throws {
        var inflater = Inflater()
        let input = gzip([UInt8](repeating: 7, count: Self.bytesMax + 1))
        do {
            _ = try inflatedCount(input, with: &inflater)
            Issue.record("a message over the limit was accepted")
        } catch let failure as Inflater.Failure {
            #expect(failure == .tooLarge)
        }
        inflater.release()
        let held = inflater.memoryBytes
        #expect(held <= Self.keptBytesMax)
    }

    @Test func smallMessagesKeepTheirMemory() throws {
        var inflater = Inflater()
        _ = try inflatedCount(gzip([1, 2, 3]), with: &inflater)
        let held = inflater.memoryBytes
        inflater.release()
        let kept = inflater.memoryBytes
        #expect(held > 0 && kept == held)
    }
}
