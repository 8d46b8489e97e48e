import MessageModel

#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// A small file that is replaced as a whole: written beside, synced, the old one kept as `.bak`, renamed.
struct SettingsFile: Sendable {
    static let bytesMax = 64 * 1024 * 1024

    let path: String

    /// The content; nil when there is no such file.
    func load() throws(ServiceError) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        if descriptor < 0, errno == ENOENT { return nil }
        guard descriptor >= 0 else { throw failure("open") }
        defer { close(descriptor) }
        var content: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16_384)
        while true {
            let count = read(descriptor, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0, content.count <= Self.bytesMax else { throw failure("read") }
            if count == 0 { return content }
            content.append(contentsOf: chunk[..<count])
        }
    }

    /// Replaces the content. Blocks: not for an event loop.
    func save(_ content: [UInt8]) throws(ServiceError) {
        makeParentDirectories()
        let temporary = path + ".tmp"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw failure("create") }
        var rest = content[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                let error = failure("write")
                close(descriptor)
                throw error
            }
            rest = rest.dropFirst(count)
        }
        guard fsync(descriptor) == 0 else {
            let error = failure("sync")
            close(descriptor)
            throw error
        }
        close(descriptor)
        // The first write has nothing to keep; a missing copy is no reason to refuse the new content.
        unlink(path + ".bak")
        link(path, path + ".bak")
        guard rename(temporary, path) == 0 else { throw failure("rename") }
        syncDirectory()
    }

    private var directory: String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    private func makeParentDirectories() {
        var prefix = directory.hasPrefix("/") ? "" : "."
        for part in directory.split(separator: "/") {
            prefix += "/" + part
            mkdir(prefix, 0o755)
        }
    }

    private func syncDirectory() {
        let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        fsync(descriptor)
        close(descriptor)
    }

    private func failure(_ action: String) -> ServiceError {
        ServiceError(
            code: .systemError, message: "cannot \(action) \(path): \(String(cString: strerror(errno)))")
    }
}
