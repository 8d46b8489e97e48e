import CStorageSupport
import Glibc
import Synchronization

/// The `FileSystem` of a Linux machine.
package struct LinuxFileSystem: FileSystem {
    /// The adapter; it has no state.
    package init() {
        _ = storage_guard_install()
    }

    /// Makes a directory and its missing parents, mode 755.
    package func makeDirectories(_ path: String) throws(FileSystemError) {
        if mkdir(path, 0o755) == 0 || errno == EEXIST { return }
        guard errno == ENOENT, let slash = path.lastIndex(of: "/"), slash != path.startIndex else {
            throw .last("mkdir", path)
        }
        try makeDirectories(String(path[..<slash]))
        if mkdir(path, 0o755) != 0 && errno != EEXIST { throw .last("mkdir", path) }
    }

    /// The entries, with sizes and times as `fstatat` gives them.
    package func list(_ path: String) throws(FileSystemError) -> [DirectoryEntry] {
        var entries: [DirectoryEntry] = []
        try forEachName(in: path) { name, _, descriptor in
            var status = stat()
            // A name that vanishes between the two calls is simply not there any more.
            guard fstatat(descriptor, name, &status, 0) == 0 else { return }
            let isDirectory = status.st_mode & S_IFMT == S_IFDIR
            entries.append(
                DirectoryEntry(
                    name: name, isDirectory: isDirectory, size: isDirectory ? 0 : Int(status.st_size),
                    modifiedMillis: Int64(status.st_mtim.tv_sec) * 1000 + Int64(status.st_mtim.tv_nsec) / 1_000_000))
        }
        return entries
    }

    /// The types of most entries come with their names.
    package func directoryNames(_ path: String) throws(FileSystemError) -> [String] {
        var names: [String] = []
        try forEachName(in: path) { name, type, descriptor in
            if type != Int(DT_DIR) && type != Int(DT_UNKNOWN) && type != Int(DT_LNK) { return }
            if type != Int(DT_DIR) {
                var status = stat()
                guard fstatat(descriptor, name, &status, 0) == 0, status.st_mode & S_IFMT == S_IFDIR else { return }
            }
            names.append(name)
        }
        return names
    }

    /// Hands out the names in a directory, each with its type, and the descriptor of the directory.
    private func forEachName(
        in path: String, _ body: (_ name: String, _ type: Int, _ descriptor: Int32) -> Void
    ) throws(FileSystemError) {
        guard let directory = opendir(path) else { throw .last("opendir", path) }
        defer { closedir(directory) }
        while true {
            errno = 0
            guard let entry = readdir(directory) else { break }
            let name = withUnsafePointer(to: &entry.pointee.d_name) { field in
                field.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name == "." || name == ".." { continue }
            body(name, Int(entry.pointee.d_type), dirfd(directory))
        }
        if errno != 0 { throw .last("readdir", path) }
    }

    /// As `stat` gives it.
    package func stamp(of path: String) -> FileStamp? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        return FileStamp(
            modifiedNanos: Int64(status.st_mtim.tv_sec) * 1_000_000_000 + Int64(status.st_mtim.tv_nsec),
            number: UInt64(status.st_ino), device: UInt64(status.st_dev))
    }

    /// What the kernel drew when it started.
    package var bootIdentity: String {
        let descriptor = Glibc.open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return "" }
        defer { _ = close(descriptor) }
        return withUnsafeTemporaryAllocation(byteCount: 64, alignment: 1) { buffer in
            let count = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
            return String(decoding: buffer.prefix(max(0, count)).prefix { $0 > 0x20 }, as: UTF8.self)
        }
    }

    /// Whether `access` finds it.
    package func exists(_ path: String) -> Bool {
        access(path, F_OK) == 0
    }

    /// Opens with `O_CLOEXEC`; a created file has mode 644.
    package func openFile(_ path: String, mode: FileOpenMode) throws(FileSystemError) -> any StoreFile {
        switch mode {
        case .existing:
            let descriptor = Glibc.open(path, O_RDWR | O_CLOEXEC)
            if descriptor < 0 { throw .last("open", path) }
            return LinuxFile(path: path, descriptor: descriptor)
        case .create(let size, let reserve):
            let descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
            if descriptor < 0 { throw .last("create", path) }
            let file = LinuxFile(path: path, descriptor: descriptor)
            if try file.size() < size {
                if reserve { try file.reserve(size) }
                if try file.size() < size { try file.truncate(to: size) }
            }
            return file
        }
    }

    /// `unlink`.
    package func remove(_ path: String) throws(FileSystemError) {
        if unlink(path) != 0 { throw .last("unlink", path) }
    }

    /// Removes depth first.
    package func removeTree(_ path: String) throws(FileSystemError) {
        let entries: [DirectoryEntry]
        do {
            entries = try list(path)
        } catch {
            if error.kind == .notFound { return }
            throw error
        }
        for entry in entries {
            let child = path + "/" + entry.name
            if entry.isDirectory { try removeTree(child) } else { try remove(child) }
        }
        if rmdir(path) != 0 && errno != ENOENT { throw .last("rmdir", path) }
    }

    /// `rename`, atomic on one partition.
    package func rename(_ source: String, to target: String) throws(FileSystemError) {
        if Glibc.rename(source, target) != 0 { throw .last("rename", source) }
    }

    /// `link`, on one partition.
    package func link(_ source: String, to target: String) throws(FileSystemError) {
        if Glibc.link(source, target) != 0 { throw .last("link", source) }
    }

    /// `fsync` of the directory.
    package func synchronizeDirectory(_ path: String) throws(FileSystemError) {
        let descriptor = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        if descriptor < 0 { throw .last("open", path) }
        defer { _ = close(descriptor) }
        // Some file systems refuse fsync of a directory; there is nothing stronger to ask of them.
        if fsync(descriptor) != 0 && errno != EINVAL { throw .last("fsync", path) }
    }

    /// `syncfs`: one pass over the partition instead of a journal commit for each file.
    package func synchronizeTree(_ path: String) throws(FileSystemError) {
        let descriptor = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        if descriptor < 0 { throw .last("open", path) }
        defer { _ = close(descriptor) }
        let failure = storage_synchronize_file_system(descriptor)
        if failure != 0 { throw FileSystemError(errorNumber: failure, "syncfs", path) }
    }

    /// A record lock of byte 0, as Java's FileChannel takes it.
    package func lock(_ path: String) throws(FileSystemError) -> any FileLock {
        let descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        if descriptor < 0 { throw .last("open", path) }
        let file = LinuxFile(path: path, descriptor: descriptor)
        let failure = storage_lock_byte_zero(descriptor)
        if failure == EAGAIN || failure == EACCES {
            throw FileSystemError(kind: .locked, operation: "lock", path: path, errorNumber: failure)
        }
        if failure != 0 { throw FileSystemError(errorNumber: failure, "lock", path) }
        // What Apache writes there at each start. When it is there already the file is left as it is, so that its time
        // tells when another program came.
        if try !file.holds("lock") { try file.replace(with: "lock") }
        return LinuxFileLock(file: file)
    }

    /// `statvfs`, with the blocks kept for root counted as used.
    package func space(at path: String) throws(FileSystemError) -> DiskSpace {
        var status = statvfs()
        if statvfs(path, &status) != 0 { throw .last("statvfs", path) }
        let block = Int64(status.f_frsize)
        // Blocks kept for root count as used: an ordinary writer cannot have them.
        let used = Int64(status.f_blocks) - Int64(status.f_bfree)
        return DiskSpace(
            totalBytes: (used + Int64(status.f_bavail)) * block, availableBytes: Int64(status.f_bavail) * block)
    }
}

extension FileSystemError {
    /// An error from an errno.
    init(errorNumber: Int32, _ operation: String, _ path: String) {
        let kind: Kind
        switch errorNumber {
        case ENOENT, ENOTDIR: kind = .notFound
        case EACCES, EPERM, EROFS: kind = .permissionDenied
        case ENOSPC, EDQUOT: kind = .noSpace
        case EIO: kind = .inputOutput
        default: kind = .other
        }
        self.init(kind: kind, operation: operation, path: path, errorNumber: errorNumber)
    }

    /// The error the last system call left in errno.
    static func last(_ operation: String, _ path: String) -> FileSystemError {
        FileSystemError(errorNumber: errno, operation, path)
    }
}

private final class LinuxFileLock: FileLock {
    // The lock lives as long as the open file.
    private let file: LinuxFile

    init(file: LinuxFile) {
        self.file = file
    }
}

/// A file descriptor with positional reads and writes.
final class LinuxFile: StoreFile {
    let path: String
    private let descriptor: Int32

    init(path: String, descriptor: Int32) {
        self.path = path
        self.descriptor = descriptor
    }

    deinit {
        close(descriptor)
    }

    func size() throws(FileSystemError) -> Int {
        var status = stat()
        if fstat(descriptor, &status) != 0 { throw .last("fstat", path) }
        return Int(status.st_size)
    }

    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(FileSystemError) -> Int {
        var done = 0
        while done < buffer.count {
            guard let base = buffer.baseAddress else { break }
            let count = pread(descriptor, base + done, buffer.count - done, off_t(offset + done))
            if count < 0 {
                if errno == EINTR { continue }
                throw .last("pread", path)
            }
            if count == 0 { break }
            done += count
        }
        return done
    }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(FileSystemError) {
        var done = 0
        while done < bytes.count {
            guard let base = bytes.baseAddress else { break }
            let count = pwrite(descriptor, base + done, bytes.count - done, off_t(offset + done))
            if count < 0 {
                if errno == EINTR { continue }
                throw .last("pwrite", path)
            }
            done += count
        }
    }

    func zero(from offset: Int, count: Int) throws(FileSystemError) {
        if count <= 0 || storage_punch(descriptor, Int64(offset), Int64(count)) == 0 { return }
        // The file system has no holes: write the zeros.
        let block = UnsafeMutableRawBufferPointer.allocate(byteCount: min(count, 1 << 16), alignment: 8)
        defer { block.deallocate() }
        block.initializeMemory(as: UInt8.self, repeating: 0)
        var done = 0
        while done < count {
            let piece = min(block.count, count - done)
            try write(UnsafeRawBufferPointer(rebasing: block[..<piece]), at: offset + done)
            done += piece
        }
    }

    func zeroReserved(from offset: Int, count: Int) throws(FileSystemError) {
        if count <= 0 || storage_zero_range(descriptor, Int64(offset), Int64(count)) == 0 { return }
        try zero(from: offset, count: count)
        try reserve(from: offset, count: count)
    }

    func truncate(to size: Int) throws(FileSystemError) {
        if ftruncate(descriptor, off_t(size)) != 0 { throw .last("ftruncate", path) }
    }

    func reserve(_ size: Int) throws(FileSystemError) {
        let failure = storage_reserve(descriptor, Int64(size))
        // Without support the file stays sparse, and a full disk shows as a failed guarded copy instead.
        if failure != 0 && failure != EOPNOTSUPP && failure != ENOSYS {
            throw FileSystemError(errorNumber: failure, "fallocate", path)
        }
    }

    func reserve(from offset: Int, count: Int) throws(FileSystemError) {
        if count <= 0 { return }
        let failure = storage_reserve_range(descriptor, Int64(offset), Int64(count))
        if failure != 0 && failure != EOPNOTSUPP && failure != ENOSYS {
            throw FileSystemError(errorNumber: failure, "fallocate", path)
        }
    }

    func nextData(from offset: Int) -> Range<Int>? {
        let found = storage_next_data(descriptor, Int64(offset))
        guard found >= 0, let size = try? size(), found < Int64(size) else { return nil }
        let end = min(storage_next_hole(descriptor, found), Int64(size))
        return Int(found)..<Int(max(end, found + 1))
    }

    func setReadAhead(_ isOn: Bool) {
        storage_set_read_ahead(descriptor, isOn ? 1 : 0)
    }

    func synchronize() throws(FileSystemError) {
        if fdatasync(descriptor) != 0 { throw .last("fdatasync", path) }
    }

    func map() throws(FileSystemError) -> any MappedRegion {
        let length = try size()
        guard length > 0, let address = mmap(nil, length, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0),
            address != MAP_FAILED
        else { throw .last("mmap", path) }
        return LinuxMappedRegion(path: path, address: address, count: length)
    }
}

// The address never changes while the object lives; what lies behind it is shared memory whose writers the engine
// orders.
final class LinuxMappedRegion: MappedRegion, @unchecked Sendable {
    let count: Int
    private let path: String
    private let address: UnsafeMutableRawPointer
    private let pageSize = Int(sysconf(Int32(_SC_PAGESIZE)))
    private let readAhead = Mutex(ReadAhead())

    /// What the system is told about reading ahead of a touched page.
    private struct ReadAhead {
        var isOn = true
        /// Where it is off for now, as pages are made there.
        var paused = 0..<0
    }

    /// How much is paused at a time. Each change of it waits until no thread is in a page fault of the mapping, and all
    /// other faults wait for it: with one for each piece, a thread that waited for the disk held up all.
    private var pausedBytes: Int { min(Self.pausedBytesMax, max(Self.pausedBytesMin, count / 16)) }
    static let pausedBytesMax = 64 << 20
    static let pausedBytesMin = 1 << 20

    init(path: String, address: UnsafeMutableRawPointer, count: Int) {
        self.path = path
        self.address = address
        self.count = count
    }

    deinit {
        munmap(address, count)
    }

    func prepareForWriting(from offset: Int, count wanted: Int) throws(FileSystemError) {
        let pages = pages(from: offset, count: wanted)
        if pages.isEmpty { return }
        pauseReadAhead(over: pages)
        defer { if pages.upperBound == count { readAhead.withLock { pause(0..<0, &$0) } } }
        advise(pages, MADV_WILLNEED)
        let failure = storage_populate_write(address + pages.lowerBound, pages.count)
        // An old kernel faults page by page instead.
        if failure != 0 && failure != EINVAL { throw FileSystemError(errorNumber: failure, "populate", path) }
    }

    func copyIn(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(FileSystemError) {
        precondition(offset >= 0 && offset + bytes.count <= count, "copy past the mapping")
        guard let base = bytes.baseAddress else { return }
        if storage_copy_guarded(address + offset, base, bytes.count) != 0 {
            throw FileSystemError(kind: .inputOutput, operation: "store to mapped page", path: path)
        }
    }

    func copyOut(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(FileSystemError) {
        precondition(offset >= 0 && offset + buffer.count <= count, "copy past the mapping")
        guard let base = buffer.baseAddress else { return }
        if storage_copy_guarded(base, address + offset, buffer.count) != 0 {
            throw FileSystemError(kind: .inputOutput, operation: "load from mapped page", path: path)
        }
    }

    func isResident(from offset: Int, count wanted: Int) -> Bool {
        let pages = pages(from: offset, count: wanted)
        if pages.isEmpty { return true }
        let pageCount = (pages.count + pageSize - 1) / pageSize
        return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: pageCount) { found in
            guard mincore(address + pages.lowerBound, pages.count, found.baseAddress) == 0 else { return true }
            return found.allSatisfy { $0 & 1 == 1 }
        }
    }

    func setReadAhead(_ isOn: Bool) {
        readAhead.withLock { state in
            state.isOn = isOn
            advise(0..<count, isOn ? MADV_NORMAL : MADV_RANDOM)
            if isOn { advise(state.paused, MADV_RANDOM) }
        }
    }

    /// The faults of fresh pages would read ahead as far as the disk's read_ahead_kb says, and each such reading starts
    /// the next: 8 MB of fresh pages zeroed in one go kept a core for 18 ms.
    private func pauseReadAhead(over range: Range<Int>) {
        readAhead.withLock { state in
            if state.paused.contains(range) { return }
            let end = max(range.upperBound, range.lowerBound + pausedBytes)
            pause(range.lowerBound..<min(count, end), &state)
        }
    }

    /// Instead of where it was paused before. Under the lock.
    private func pause(_ range: Range<Int>, _ state: inout ReadAhead) {
        if state.isOn { advise(state.paused, MADV_NORMAL) }
        state.paused = range
        advise(range, MADV_RANDOM)
    }

    /// A range from the start of its first page.
    private func pages(from offset: Int, count wanted: Int) -> Range<Int> {
        let start = offset & ~(pageSize - 1)
        return start..<max(start, min(count, offset + wanted))
    }

    /// A hint that is not taken changes nothing but speed.
    private func advise(_ range: Range<Int>, _ hint: Int32) {
        if !range.isEmpty { _ = madvise(address + range.lowerBound, range.count, hint) }
    }

    func keepInMemory(from offset: Int, count wanted: Int) {
        advise(pages(from: offset, count: wanted), MADV_NORMAL)
    }

    func prefetch(at offset: Int) {
        precondition(offset >= 0 && offset < count, "prefetch past the mapping")
        storage_prefetch(address + offset)
    }

    func unmapPages(from offset: Int, count wanted: Int) {
        let start = (offset + pageSize - 1) & ~(pageSize - 1)
        let end = min(count, offset + wanted) & ~(pageSize - 1)
        // What was stored stays in the page cache.
        if end > start { advise(start..<end, MADV_DONTNEED) }
    }

    func synchronize(from offset: Int, count wanted: Int) throws(FileSystemError) {
        let pages = pages(from: offset, count: wanted)
        if !pages.isEmpty, msync(address + pages.lowerBound, pages.count, MS_SYNC) != 0 { throw .last("msync", path) }
    }
}
