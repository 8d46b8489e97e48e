#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// The `config` directory on disk.
///
/// A replacement is written beside the file, flushed, and renamed over it after the old content became `NAME.bak`, so a
/// crash leaves the old or the new content under the name and never a part of it.
package struct RegistryDirectory: RegistryStorage {
    /// Longest file that is read.
    package static let fileBytesMax = 256 << 20

    private let path: String

    /// Uses a directory, made when missing.
    package init(path: String) throws(BrokerError) {
        self.path = path
        var partial = path.hasPrefix("/") ? "/" : ""
        for part in path.split(separator: "/") {
            partial += (partial.isEmpty || partial == "/" ? "" : "/") + part
            guard mkdir(partial, 0o755) == 0 || errno == EEXIST else {
                throw Self.failure("cannot make the directory \(partial)")
            }
        }
    }

    /// The content of a file; nil when there is none.
    package func read(_ name: String) throws(BrokerError) -> [UInt8]? {
        let file = "\(path)/\(name)"
        let descriptor = open(file, O_RDONLY | O_CLOEXEC)
        if descriptor < 0 {
            if errno == ENOENT { return nil }
            throw Self.failure("cannot open \(file)")
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw Self.failure("cannot read \(file)") }
        let size = Int(status.st_size)
        guard size <= Self.fileBytesMax else {
            throw BrokerError(.registryFile, "\(file) is longer than \(Self.fileBytesMax) bytes")
        }
        var bytes = [UInt8](repeating: 0, count: size)
        var filled = 0
        while filled < size {
            let count = bytes.withUnsafeMutableBytes { buffer in
                pread(descriptor, buffer.baseAddress?.advanced(by: filled), size - filled, off_t(filled))
            }
            if count < 0 {
                if errno == EINTR { continue }
                throw Self.failure("cannot read \(file)")
            }
            if count == 0 { break }
            filled += count
        }
        bytes.removeLast(size - filled)
        return bytes
    }

    /// Puts new content in the place of a file, durably; the content before stays as `NAME.bak`.
    package func replace(_ name: String, with bytes: [UInt8]) throws(BrokerError) {
        let file = "\(path)/\(name)"
        let fresh = file + ".tmp"
        let backup = file + ".bak"
        try write(bytes, to: fresh)
        unlink(backup)
        guard link(file, backup) == 0 || errno == ENOENT else { throw Self.failure("cannot keep \(backup)") }
        guard rename(fresh, file) == 0 else { throw Self.failure("cannot rename \(fresh)") }
        try flushDirectory()
    }

    private func write(_ bytes: [UInt8], to file: String) throws(BrokerError) {
        let descriptor = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw Self.failure("cannot create \(file)") }
        defer { close(descriptor) }
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                pwrite(descriptor, buffer.baseAddress?.advanced(by: written), bytes.count - written, off_t(written))
            }
            if count < 0 {
                if errno == EINTR { continue }
                throw Self.failure("cannot write \(file)")
            }
            written += count
        }
        guard fsync(descriptor) == 0 else { throw Self.failure("cannot flush \(file)") }
    }

    private func flushDirectory() throws(BrokerError) {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Self.failure("cannot open \(path)") }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw Self.failure("cannot flush \(path)") }
    }

    private static func failure(_ what: String) -> BrokerError {
        BrokerError(.registryFile, "\(what): \(String(cString: strerror(errno)))")
    }
}
