import Logging
import NIOConcurrencyHelpers
import ServerSupport
import Testing

@testable import BrokerServer
@testable import MessageModel

/// Handles, property text, and the JSON files of the `config` directory.
@Suite("Fuzz: texts and registry files") struct TextFuzzTests {
    private static let logger = Logger(label: "fuzz") { _ in SwiftLogNoOpLogHandler() }
    private static let worker = SerialWorker(name: "fuzz")

    @Test("receipt handles") func receiptHandles() throws {
        try FuzzTarget("receipt-handles").run { input, _ in
            guard let handle = try? ReceiptHandle(parsing: String(decoding: input, as: UTF8.self)) else { return nil }
            _ = handle.nextVisibleMillis
            return (try? ReceiptHandle(parsing: handle.text)) == handle ? nil : "written and read it is another"
        }
    }

    @Test("recall handles") func recallHandles() throws {
        try FuzzTarget("recall-handles").run { input, _ in
            guard let handle = RecallHandle(text: String(decoding: input, as: UTF8.self)) else { return nil }
            return RecallHandle(text: handle.text) == handle ? nil : "written and read it is another"
        }
    }

    @Test("property text") func properties() throws {
        try FuzzTarget("properties").run { input, _ in
            let pairs = PropertyText.parse(String(decoding: input, as: UTF8.self))
            let again = PropertyText.parse(PropertyText.encode(pairs))
            guard pairs.elementsEqual(again, by: { $0 == $1 }) else { return "written and read it is another" }
            return input.withUnsafeBytes { bytes -> String? in
                let range = 0..<bytes.count
                if let found = PropertyText.find("TAGS", in: bytes), found.clamped(to: range) != found {
                    return "outside"
                }
                _ = PropertyText.integer("DELAY", in: bytes)
                var isInside = true
                PropertyText.forEachEntry(in: bytes) { name, value in
                    isInside = isInside && name.upperBound < value.lowerBound && value.upperBound <= range.upperBound
                }
                return isInside ? nil : "an entry outside"
            }
        }
    }

    @Test("JSON of any kind") func json() throws {
        try FuzzTarget("json", rounds: 1_000).run { input, _ in
            guard let value = try? JSONValue(parsing: input) else { return nil }
            return (try? JSONValue(parsing: value.serialize())) == value ? nil : "written and read it is another"
        }
    }

    @Test("progress of delayed messages") func delayOffsets() throws {
        try FuzzTarget("delay-offsets", rounds: 1_000).run { input, _ in
            guard let json = try? JSONValue(parsing: input), let read = try? DelayProgress(json: json) else {
                return nil
            }
            guard let written = try? DelayProgress(json: read.json), written.offsets == read.offsets else {
                return "written and read it is another"
            }
            return (try? DelayProgress(json: written.json)) == written ? nil : "written twice it is another"
        }
    }

    @Test("consumer offsets") func consumerOffsets() throws {
        try FuzzTarget("consumer-offsets", rounds: 1_000).run { input, _ in
            let disk = Disk(ConsumerOffsets.fileName, input)
            return disk.outcome {
                let read = try ConsumerOffsets(storage: disk, nowMillis: { 1 }, logger: Self.logger)
                read.commit(group: "fuzz", topic: "fuzz", queueID: 0, offset: 1)
                try read.save()
                let again = try ConsumerOffsets(storage: disk, nowMillis: { 1 }, logger: Self.logger)
                let lists = [read, again].map {
                    Set($0.all.map { "\($0.topic)@\($0.group) \($0.offsets.sorted(by: <))" })
                }
                return lists[0] == lists[1] ? nil : "written and read it is another"
            }
        }
    }

    @Test("topics") func topics() throws {
        try FuzzTarget("topics", rounds: 500).run { input, _ in
            let disk = Disk("topics.json", input)
            return disk.outcome {
                let read = try TopicRegistry(
                    settings: .init(brokerName: "broker-a"), storage: disk, worker: Self.worker, nowMillis: { 1 },
                    logger: Self.logger)
                return read.topic("TBW102") == nil ? "a system topic is missing" : nil
            }
        }
    }

    @Test("consumer groups") func groups() throws {
        try FuzzTarget("groups", rounds: 500).run { input, _ in
            let disk = Disk("subscriptionGroup.json", input)
            return disk.outcome {
                let read = try GroupRegistry(
                    settings: .init(), storage: disk, worker: Self.worker, nowMillis: { 1 }, logger: Self.logger)
                return SystemTopics.groups.allSatisfy { read.group($0) != nil } ? nil : "a system group is missing"
            }
        }
    }

    @Test("modes of groups") func requestModes() throws {
        try FuzzTarget("request-modes", rounds: 1_000).run { input, _ in
            let disk = Disk(RequestModeRegistry.fileName, input)
            return disk.outcome {
                let read = try RequestModeRegistry(storage: disk, worker: Self.worker, logger: Self.logger)
                let copy = Disk(RequestModeRegistry.fileName, read.json.serialize())
                let again = try RequestModeRegistry(storage: copy, worker: Self.worker, logger: Self.logger)
                return again.json == read.json ? nil : "written and read it is another"
            }
        }
    }

    @Test("the mark of transactions") func transactionMark() throws {
        try FuzzTarget("transaction-marks", rounds: 1_000).run { input, _ in
            let disk = Disk(TransactionService.markFileName, input)
            return disk.outcome {
                let file = RegistryFile(TransactionService.markFileName, in: disk, logger: Self.logger)
                _ = try file.load { json throws(ModelError) in
                    try JSONFields(json, of: TransactionService.markFileName).int64("logOffset", default: 0)
                }
                return nil
            }
        }
    }
}

/// A `config` directory with one file.
private final class Disk: RegistryStorage {
    private let files: NIOLockedValueBox<[String: [UInt8]]>

    init(_ name: String, _ bytes: [UInt8]) { files = NIOLockedValueBox([name: bytes]) }

    func read(_ name: String) throws(BrokerError) -> [UInt8]? { files.withLockedValue { $0[name] } }

    func replace(_ name: String, with bytes: [UInt8]) throws(BrokerError) { files.withLockedValue { $0[name] = bytes } }

    /// A file is read and is right, or it is refused as what it is.
    func outcome(_ body: () throws -> String?) -> String? {
        do {
            return try body()
        } catch let error as BrokerError {
            return "\(error)".contains("damaged") ? nil : "refused without a reason: \(error)"
        } catch { return "another error: \(error)" }
    }
}
