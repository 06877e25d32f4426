import Glibc

/// The owner of a run of bytes: a mapped file or an allocation, released when the last region over it goes.
///
/// The bytes are never written after the storage is made, which is what makes it safe to share between threads.
package final class ByteStorage: @unchecked Sendable {
    let base: UnsafeRawPointer
    let count: Int
    fileprivate let isMapped: Bool
    private let release: () -> Void

    /// Takes ownership of `count` bytes at `base`; `release` is called once, when the storage goes.
    ///
    /// - Parameter isMapped: the bytes are pages of a file, which the kernel may drop and read again.
    package init(base: UnsafeRawPointer, count: Int, isMapped: Bool, release: @escaping () -> Void) {
        self.base = base
        self.count = count
        self.isMapped = isMapped
        self.release = release
    }

    /// Copies `bytes` into new storage.
    package convenience init(copying bytes: some Collection<UInt8>) {
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: max(bytes.count, 1), alignment: 64)
        copy.copyBytes(from: bytes)
        self.init(base: UnsafeRawPointer(copy.baseAddress!), count: bytes.count, isMapped: false) { copy.deallocate() }
    }

    deinit { release() }

    /// Tells the kernel that the pages wholly inside `range` are not needed for now, so that they leave resident memory.
    fileprivate func discard(_ range: Range<Int>) {
        guard isMapped else { return }
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        let start = UInt(bitPattern: base) + UInt(range.lowerBound)
        let end = UInt(bitPattern: base) + UInt(range.upperBound)
        let first = (start + UInt(page) - 1) / UInt(page) * UInt(page)
        let last = end / UInt(page) * UInt(page)
        guard last > first, let pointer = UnsafeMutableRawPointer(bitPattern: first) else { return }
        madvise(pointer, Int(last - first), MADV_DONTNEED)
    }
}

/// A run of bytes inside a storage: a whole file, a member of an archive, one tensor's data.
///
/// Slicing is free and never copies; a slice keeps the storage alive.
package struct ByteRegion: Sendable {
    private let storage: ByteStorage
    private let offset: Int
    /// The number of bytes.
    package let count: Int

    /// The region of all bytes of `storage`.
    package init(_ storage: ByteStorage) {
        self.storage = storage
        self.offset = 0
        self.count = storage.count
    }

    /// A region over a copy of `bytes`.
    package init(copying bytes: some Collection<UInt8>) {
        self.init(ByteStorage(copying: bytes))
    }

    private init(storage: ByteStorage, offset: Int, count: Int) {
        self.storage = storage
        self.offset = offset
        self.count = count
    }

    /// The same bytes, copied to memory if they are pages of a file: bytes that are read twice must not change in between.
    package var inMemory: ByteRegion {
        storage.isMapped ? withUnsafeBytes { ByteRegion(copying: $0) } : self
    }

    /// The `count` bytes from `offset` on, or nil if they are not all inside this region.
    package func slice(offset: Int, count: Int) -> ByteRegion? {
        guard offset >= 0, count >= 0, offset <= self.count, count <= self.count - offset else { return nil }
        return ByteRegion(storage: storage, offset: self.offset + offset, count: count)
    }

    /// Calls `body` with the bytes, which must not be used after it returns. They have no particular alignment.
    package func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try body(UnsafeRawBufferPointer(start: storage.base + offset, count: count))
    }

    /// The bytes `range` of this region as an array, or nil if they are not all inside it.
    package func bytes(_ range: Range<Int>) -> [UInt8]? {
        guard let part = slice(offset: range.lowerBound, count: range.count) else { return nil }
        return part.withUnsafeBytes { [UInt8]($0) }
    }

    /// The little-endian integer at `offset`, or nil if it is not inside this region.
    package func integer<Integer: FixedWidthInteger & BitwiseCopyable>(at offset: Int, as type: Integer.Type) -> Integer? {
        let size = MemoryLayout<Integer>.size
        guard offset >= 0, size <= count, offset <= count - size else { return nil }
        return withUnsafeBytes { Integer(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: Integer.self)) }
    }

    /// Lets the pages of a mapped file leave resident memory; reading them again brings them back. Changes no content.
    package func discardPages() {
        storage.discard(offset..<offset + count)
    }
}
