import NIOCore

extension MessageStore {
    /// Appends the first whole record that lies at a log offset or behind it to `buffer`; answers where it lies, nil at the
    /// end of the log. Steps over damage, as a start does: good records may follow it in the same file. Waits for the disk.
    package func nextRecord(from start: Int64, into buffer: inout ByteBuffer) throws(StoreError) -> Int64? {
        let end = maxLogOffset
        var offset = max(start, minLogOffset)
        while offset < end, let segment = logSegments.segment(at: offset) {
            var reading = RecordHeader.Reading.invalid(size: nil)
            try segment.withRecord(at: offset) { bytes in
                reading = RecordHeader.read(bytes, checksBody: true)
                guard case .record(let header) = reading, header.logOffset == offset else { return }
                buffer.writeBytes(UnsafeRawBufferPointer(rebasing: bytes[..<header.size]))
            }
            switch reading {
            case .record(let header) where header.logOffset == offset: return offset
            case .blank: offset = segment.end
            case .record, .invalid:
                guard let next = try RecordSearch(segments: logSegments).next(after: offset) else { return nil }
                offset = next
            }
        }
        return nil
    }

    /// Appends the record at a log offset to `buffer`; false when there is none, an error when the disk does not say.
    package func loadRecord(
        logOffset: Int64, size: Int32? = nil, into buffer: inout ByteBuffer
    ) throws(StoreError) -> Bool {
        guard logOffset >= 0, logOffset <= readableEnd - Int64(RecordLayout.blankBytes),
            let segment = logSegments.segment(at: logOffset)
        else { return false }
        return try StoreError.wrap { () throws(FileSystemError) in
            try segment.copyRecord(at: logOffset, expectedSize: size.map(Int.init), into: &buffer)
        }
    }
}
