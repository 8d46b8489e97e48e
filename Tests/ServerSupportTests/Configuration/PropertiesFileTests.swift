import Testing

@testable import ServerSupport

@Suite("Property files")
struct PropertiesFileTests {
    private func parse(_ text: String) throws -> ConfigurationSource {
        try PropertiesFile.parse(Array(text.utf8), file: "broker.conf")
    }

    private func pairs(_ text: String) throws -> [String] {
        try parse(text).entries.map { "\($0.line)|\($0.key)|\($0.text)" }
    }

    @Test("separators, comments and blanks")
    func separators() throws {
        let text = "# comment\n! other\n\nbrokerName=broker-a\r\n  brokerId : 0  \nlistenPort 10911\nempty=\n"
        #expect(
            try pairs(text) == ["4|brokerName|broker-a", "5|brokerId|0", "6|listenPort|10911", "7|empty|"])
    }

    @Test("continued lines and escapes")
    func escapes() throws {
        #expect(try pairs("a=1\\\n   2\\\n 3\nb\\=c=x\\u00e9\\t|\nd=C\\\\x") == ["1|a|123", "4|b=c|xé\t|", "5|d|C\\x"])
    }

    @Test("a repeated key: the last counts, with a warning")
    func repeated() throws {
        let source = try parse("a=1\na=2\n")
        #expect(source.entry("a")?.text == "2")
        #expect(source.warnings == ["broker.conf:2: a is given again (first at line 1); the last value counts"])
    }

    @Test("bad lines name file and line")
    func badLines() {
        #expect(throws: ConfigurationError.self) { try parse("=x") }
        do {
            _ = try parse("ok=1\nbad=\\u12\n")
            Issue.record("accepted a bad escape")
        } catch {
            #expect("\(error)" == "broker.conf:2: a bad \\uXXXX escape")
        }
    }

    @Test("a missing file is an error that names it")
    func missing() {
        do {
            _ = try PropertiesFile.load(path: "/nonexistent/broker.conf")
            Issue.record("read a missing file")
        } catch {
            #expect("\(error)" == "/nonexistent/broker.conf: cannot be read: No such file or directory")
        }
    }
}
