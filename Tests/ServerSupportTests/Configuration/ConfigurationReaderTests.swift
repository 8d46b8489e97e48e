import Testing

@testable import ServerSupport

@Suite("Configuration reader")
struct ConfigurationReaderTests {
    private enum Flush: String, CaseIterable {
        case async = "ASYNC_FLUSH"
        case sync = "SYNC_FLUSH"
    }

    private func reader(_ text: String, ignored: Set<String> = []) throws -> ConfigurationReader {
        ConfigurationReader(
            try PropertiesFile.parse(Array(text.utf8), file: "broker.conf"), ignoredKeys: ignored)
    }

    private func message(_ body: () throws -> Void) -> String {
        do {
            try body()
            return "no error"
        } catch {
            return "\(error)"
        }
    }

    @Test("values, defaults and the listing of effective values")
    func values() throws {
        var reader = try reader("listenPort=20911\nflushDiskType=sync_flush\ntraceOn=FALSE\n")
        #expect(try reader.integer("listenPort", default: 10911, in: 1...65_535) == 20911)
        #expect(try reader.choice("flushDiskType", default: Flush.async) == .sync)
        #expect(try reader.bool("traceOn", default: true) == false)
        #expect(try reader.string("brokerName", default: "host") == "host")
        let report = try reader.finish()
        #expect(
            report.listing == "listenPort=20911\nflushDiskType=SYNC_FLUSH\ntraceOn=false\nbrokerName=host\n")
        #expect(report.warnings.isEmpty)
    }

    @Test("an unknown key names file, line, key and the nearest valid key")
    func unknownKey() throws {
        var reader = try reader("\n\nbrokerNmae=a\n")
        _ = try reader.string("brokerName", default: "")
        _ = try reader.integer("brokerId", default: 0, in: 0...9)
        #expect(
            message { _ = try reader.finish() }
                == "broker.conf:3: brokerNmae: is not a configuration key; did you mean brokerName?")
    }

    @Test("wrong type and range name the place")
    func wrongValues() throws {
        var reader = try reader("listenPort=ten\nbrokerId=-3\nflushDiskType=NEVER\ntraceOn=yes\n")
        #expect(
            message { _ = try reader.integer("listenPort", default: 1, in: 1...65_535) }
                == "broker.conf:1: listenPort: \"ten\" is not a whole number")
        #expect(
            message { _ = try reader.integer("brokerId", default: 0, in: 0...100) }
                == "broker.conf:2: brokerId: -3 is out of range, 0 to 100")
        #expect(
            message { _ = try reader.choice("flushDiskType", default: Flush.async) }
                == "broker.conf:3: flushDiskType: \"NEVER\" is none of ASYNC_FLUSH, SYNC_FLUSH")
        #expect(
            message { _ = try reader.bool("traceOn", default: true) }
                == "broker.conf:4: traceOn: \"yes\" is neither true nor false")
    }

    @Test("keys of Apache without meaning here give one warning line")
    func ignoredKey() throws {
        var reader = try reader("brokerId=1\nsendMessageThreadPoolNums=16\n", ignored: ["sendMessageThreadPoolNums"])
        _ = try reader.integer("brokerId", default: 0, in: 0...9)
        #expect(try reader.finish().warnings == ["broker.conf:2: sendMessageThreadPoolNums has no effect here"])
    }

    @Test("the command line wins over the file, and errors name the option")
    func overrides() throws {
        var reader = try reader("namesrvAddr=a:1\nlistenPort=1\n")
        reader.override("namesrvAddr", with: "b:2; c:3", origin: "-n")
        reader.override("listenPort", with: "x", origin: "--port")
        #expect(try reader.list("namesrvAddr", separator: ";") == ["b:2", "c:3"])
        #expect(
            message { _ = try reader.integer("listenPort", default: 1, in: 1...2) }
                == "--port: listenPort: \"x\" is not a whole number")
    }

    @Test("JSON files: lines of keys, lists, scalars")
    func json() throws {
        let text = "{\n  \"a\": 1, \"b\": [\"x\", \"y\"],\n  \"c\": {\"d\": 2},\n  \"e\": true\n}"
        let source = try JSONConfigurationFile.parse(Array(text.utf8), file: "rmq-proxy.json")
        #expect(source.entries.map { "\($0.line)|\($0.key)" } == ["2|a", "2|b", "3|c", "4|e"])
        var reader = ConfigurationReader(source)
        #expect(try reader.integer("a", default: 0, in: 0...9) == 1)
        #expect(try reader.list("b", separator: ",") == ["x", "y"])
        #expect(try reader.bool("e", default: false))
        #expect(message { _ = try reader.finish() }.hasPrefix("rmq-proxy.json:3: c: is not a configuration key"))
    }

    @Test("malformed JSON is an error, not a crash")
    func malformedJSON() {
        for text in ["", "[1]", "{\"a\":", "{\"a\" 1}", "nonsense"] {
            #expect(throws: ConfigurationError.self) {
                try JSONConfigurationFile.parse(Array(text.utf8), file: "x.json")
            }
        }
    }
}
