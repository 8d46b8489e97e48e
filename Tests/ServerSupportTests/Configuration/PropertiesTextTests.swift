import ServerSupport
import Testing

@Suite("Changes in property files")
struct PropertiesTextTests {
    private func setting(_ values: [(key: String, value: String)], in text: String) -> String {
        String(decoding: PropertiesText.setting(values, in: Array(text.utf8)), as: UTF8.self)
    }

    @Test("comments, order and other keys stay")
    func replace() {
        let text = "# a=1\n\na : 2\r\nlong=x\\\n  y\nb=3"
        #expect(setting([("a", "9")], in: text) == "# a=1\n\na=9\nlong=x\\\n  y\nb=3\n")
        #expect(setting([("long", "z"), ("c", "4")], in: text) == "# a=1\n\na : 2\r\nlong=z\nb=3\nc=4\n")
        #expect(setting([("a", "1")], in: "") == "a=1\n")
        #expect(setting([("a", "1")], in: "a=0\na=2\n") == "a=1\na=1\n")
    }

    @Test(
        "what was set reads back",
        arguments: ["", "plain", "C:\\dir\\x", "two\nlines", "tab\there", "ünïcode", "a=b:c"])
    func roundTrip(_ value: String) throws {
        let text = PropertiesText.setting([("key", value)], in: Array("other=1\nkey=old\n".utf8))
        let source = try PropertiesFile.parse(text, file: "f")
        #expect(source.entry("key")?.text == value && source.entry("other")?.text == "1")
    }
}
