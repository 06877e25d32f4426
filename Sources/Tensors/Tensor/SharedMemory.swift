/// A buffer that several threads write in separate places.
struct SharedBuffer<Scalar: BitwiseCopyable>: @unchecked Sendable {
    let buffer: Buffer<Scalar>
    init(_ buffer: Buffer<Scalar>) { self.buffer = buffer }
}

/// A pointer that several threads use in separate places, within the call that owns the memory.
struct SharedPointer<Scalar>: @unchecked Sendable {
    let pointer: UnsafeMutablePointer<Scalar>
    init(_ pointer: UnsafeMutablePointer<Scalar>) { self.pointer = pointer }
}

/// Several pointers that several threads use in separate places, within the call that owns the memory.
struct SharedPointers<Pointers>: @unchecked Sendable {
    let pointers: Pointers
    init(_ pointers: Pointers) { self.pointers = pointers }
}
