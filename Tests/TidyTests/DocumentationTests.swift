import Foundation
import Testing

/// The documents agree with the tree.
@Suite struct DocumentationTests {
    @Test(arguments: ["LICENSE", "CHANGELOG.md", "README.md", ".ci/run", "scripts/test", "scripts/quickstart"])
    func fileExists(_ path: String) {
        #expect(Repository.file(path) != nil, "\(path) is missing")
    }

    @Test(arguments: ["broker-config/broker.conf", "broker-config/namesrv.conf"])
    func readmeExplainsEachKeyOfTheProperties(_ path: String) throws {
        let sample = try #require(Repository.file(path))
        let readme = try #require(Repository.file("README.md")).lines.joined(separator: "\n")
        let keys = sample.lines.filter { !$0.hasPrefix("#") }.compactMap { $0.split(separator: "=").first }
        #expect(!keys.isEmpty)
        for key in keys {
            let name = key.trimmingCharacters(in: .whitespaces)
            #expect(readme.contains("`\(name)`"), "README.md does not explain \(name) of \(path)")
        }
    }

    @Test func readmeExplainsEachKeyOfTheProxy() throws {
        let sample = try #require(Repository.file("proxy-config/rmq-proxy.json")).lines.joined(separator: "\n")
        let readme = try #require(Repository.file("README.md")).lines.joined(separator: "\n")
        let object = try #require(try JSONSerialization.jsonObject(with: Data(sample.utf8)) as? [String: Any])
        #expect(!object.isEmpty)
        for key in object.keys {
            #expect(readme.contains("`\(key)`"), "README.md does not explain \(key)")
        }
    }

    @Test func readmeNamesOnlyScriptsThatExist() throws {
        let readme = try #require(Repository.file("README.md")).lines.joined(separator: "\n")
        for part in readme.components(separatedBy: "./scripts/").dropFirst() {
            let name = part.prefix { $0.isLetter || $0.isNumber || $0 == "-" }
            #expect(Repository.file("scripts/\(name)") != nil, "README.md names ./scripts/\(name), which is absent")
        }
    }
}
