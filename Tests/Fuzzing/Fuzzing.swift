import FoundationEssentials

/// The reader that `READER` names.
private let reader: Reader = {
    let name = ProcessInfo.processInfo.environment["READER"] ?? ""
    guard let reader = Reader(rawValue: name) else {
        fatalError("READER=\(name): expected one of \(Reader.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    return reader
}()

/// What libFuzzer calls with each of its inputs.
@_cdecl("LLVMFuzzerTestOneInput")
public func readInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    try? reader.read(UnsafeRawBufferPointer(start: bytes, count: count))
    return 0
}
