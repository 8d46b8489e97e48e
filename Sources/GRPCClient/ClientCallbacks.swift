import CNghttp2
import NIOCore

// Called by nghttp2 with the session as user data. They stay outside of any actor, in a file of their own.

private func session(_ userData: UnsafeMutableRawPointer?) -> ClientSession? {
    userData.map { Unmanaged<ClientSession>.fromOpaque($0).takeUnretainedValue() }
}

/// Notes `grpc-status` and `grpc-message`, in headers or trailers.
func clientOnHeader(
    _: OpaquePointer?, _ frame: UnsafePointer<nghttp2_frame>?, _ name: UnsafePointer<UInt8>?, _ nameCount: Int,
    _ value: UnsafePointer<UInt8>?, _ valueCount: Int, _: UInt8, _ userData: UnsafeMutableRawPointer?
) -> Int32 {
    // Most fields are neither, which their first letter tells.
    guard let frame = frame?.pointee, let name, nameCount > 0, name[0] == UInt8(ascii: "g"),
        let call = session(userData)?.calls[frame.hd.stream_id]
    else { return 0 }
    let field = String(decoding: UnsafeBufferPointer(start: name, count: nameCount), as: UTF8.self)
    let text = String(decoding: UnsafeBufferPointer(start: value, count: valueCount), as: UTF8.self)
    switch field {
    case "grpc-status": call.status = Int(text)
    case "grpc-message": call.statusMessage = text
    default: break
    }
    return 0
}

/// Collects the body.
func clientOnData(
    _: OpaquePointer?, _: UInt8, _ stream: Int32, _ data: UnsafePointer<UInt8>?, _ count: Int,
    _ userData: UnsafeMutableRawPointer?
) -> Int32 {
    session(userData)?.calls[stream]?.body.writeBytes(UnsafeRawBufferPointer(start: data, count: count))
    return 0
}

/// Ends the call.
func clientOnClose(_: OpaquePointer?, _ stream: Int32, _: UInt32, _ userData: UnsafeMutableRawPointer?) -> Int32 {
    session(userData)?.finish(stream)
    return 0
}

/// Hands out the request's body; its end ends the client's side of the stream.
func clientReadUpload(
    _: OpaquePointer?, _ stream: Int32, _ buffer: UnsafeMutablePointer<UInt8>?, _ countMax: Int,
    _ flags: UnsafeMutablePointer<UInt32>?, _: UnsafeMutablePointer<nghttp2_data_source>?,
    _ userData: UnsafeMutableRawPointer?
) -> Int {
    guard let buffer, let flags, let call = session(userData)?.calls[stream] else { return 0 }
    let count = min(countMax, call.upload.readableBytes)
    call.upload.readWithUnsafeReadableBytes { bytes in
        if let base = bytes.baseAddress, count > 0 {
            UnsafeMutableRawPointer(buffer).copyMemory(from: base, byteCount: count)
        }
        return count
    }
    if call.upload.readableBytes == 0 { flags.pointee = NGHTTP2_DATA_FLAG_EOF.rawValue }
    return count
}
