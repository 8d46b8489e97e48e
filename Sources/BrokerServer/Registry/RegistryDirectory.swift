import StorageEngine

/// The `config` directory on disk.
///
/// A replacement is written beside the file, flushed, and renamed over it after the old content became `NAME.bak`, so a
/// crash leaves the old or the new content under the name and never a part of it.
package struct RegistryDirectory: RegistryStorage {
    /// Longest file that is read.
    package static let fileBytesMax = 256 << 20

    private let path: String
    private let files: any FileSystem

    /// Uses a directory, made when missing.
    ///
    /// Without `adopts` a file that a process before this one replaced may still be lost with the power: it may have been
    /// killed, or have failed, before that was on the disk. What is read here is acted upon, and must last.
    package init(
        path: String, files: any FileSystem = LinuxFileSystem(), adopts: Bool = true
    ) throws(BrokerError) {
        self.path = path
        self.files = files
        try Self.wrap("cannot make the directory \(path)") { () throws(FileSystemError) in
            try files.makeDirectories(path)
            if adopts { try files.synchronizeDirectory(path) }
        }
    }

    /// The content of a file; nil when there is none.
    package func read(_ name: String) throws(BrokerError) -> [UInt8]? {
        let path = "\(path)/\(name)"
        return try Self.wrap("cannot read \(path)") { () throws(FileSystemError) -> [UInt8]? in
            guard files.exists(path) else { return nil }
            let file = try files.openFile(path, mode: .existing)
            let size = try file.size()
            guard size <= Self.fileBytesMax else {
                throw FileSystemError(
                    kind: .other, operation: "longer than \(Self.fileBytesMax) bytes: read", path: path)
            }
            var bytes = [UInt8](repeating: 0, count: size)
            var failure: FileSystemError?
            let count = bytes.withUnsafeMutableBytes { buffer in
                do throws(FileSystemError) {
                    return try file.read(into: buffer, at: 0)
                } catch {
                    failure = error
                    return 0
                }
            }
            if let failure { throw failure }
            bytes.removeLast(size - count)
            return bytes
        }
    }

    /// Puts new content in the place of a file, durably; the content before stays as `NAME.bak`.
    package func replace(_ name: String, with bytes: [UInt8]) throws(BrokerError) {
        let path = "\(path)/\(name)"
        let fresh = path + ".tmp"
        let backup = path + ".bak"
        try Self.wrap("cannot write \(path)") { () throws(FileSystemError) in
            try write(bytes, to: fresh)
            if files.exists(path) {
                if files.exists(backup) { try files.remove(backup) }
                try files.link(path, to: backup)
            }
            try files.rename(fresh, to: path)
            try files.synchronizeDirectory(self.path)
        }
    }

    private func write(_ bytes: [UInt8], to path: String) throws(FileSystemError) {
        let file = try files.openFile(path, mode: .create(size: 0, reserve: false))
        // One that a crash left behind may be longer.
        try file.truncate(to: 0)
        let failure = bytes.withUnsafeBytes { buffer -> FileSystemError? in
            do throws(FileSystemError) {
                try file.write(buffer, at: 0)
                return nil
            } catch {
                return error
            }
        }
        if let failure { throw failure }
        try file.synchronize()
    }

    private static func wrap<Result>(
        _ what: String, _ body: () throws(FileSystemError) -> Result
    ) throws(BrokerError) -> Result {
        do throws(FileSystemError) {
            return try body()
        } catch {
            throw BrokerError(.registryFile, "\(what): \(error)")
        }
    }
}
