import Archives

/// A numpy array or scalar as a pickle has it.
struct NumpyArray {
    let dtype: DType
    /// Nil for a scalar.
    let shape: PickleValue?
    let isFortranOrder: Bool
    let data: PickleValue
}

/// A numpy type, by its name.
private enum NumpyType {
    case elements(DType)
    /// Numbers of an unsupported kind, described in words.
    case refused(String)
    /// Text, dates, objects, records: no numbers.
    case other
}

extension Pickle {
    /// The array that an object would become: `refused` for numbers that are not read, nil for anything but an array of numbers.
    func numpyArray(_ object: Object) -> TensorSource? {
        guard let name = global(object.callable)?.qualifiedName else { return nil }
        switch name {
        case "numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct":
            guard let state = object.state, let parts = tuple(state)?.suffix(4), parts.count == 4 else { return nil }
            let first = parts.startIndex
            return array(
                type: parts[first + 1], shape: parts[first], isFortranOrder: boolean(parts[first + 2]) ?? false,
                data: parts[first + 3])
        case "numpy.core.numeric._frombuffer", "numpy._core.numeric._frombuffer":
            guard let parts = tuple(object.arguments), parts.count >= 4 else { return nil }
            let first = parts.startIndex
            return array(
                type: parts[first + 1], shape: parts[first + 2], isFortranOrder: text(parts[first + 3]) == "F", data: parts[first])
        case "numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar":
            guard let parts = tuple(object.arguments), parts.count >= 2 else { return nil }
            return array(type: parts[parts.startIndex], shape: nil, isFortranOrder: false, data: parts[parts.startIndex + 1])
        default: return nil
        }
    }

    private func array(type: PickleValue, shape: PickleValue?, isFortranOrder: Bool, data: PickleValue) -> TensorSource? {
        switch numpyType(type) {
        case .elements(let dtype): .array(NumpyArray(dtype: dtype, shape: shape, isFortranOrder: isFortranOrder, data: data))
        case .refused(let kind):
            .refused(
                RefusedTensor(reason: "\(kind) is not supported", dtype: kind, shape: shape.map { integers($0, limit: 64) } ?? []))
        case .other: nil
        }
    }

    /// A type such as `numpy.dtype('f4', False, True)` with the byte order in its state.
    private func numpyType(_ value: PickleValue) -> NumpyType {
        guard let object = object(value), global(object.callable)?.qualifiedName == "numpy.dtype",
            let argument = tuple(object.arguments)?.first
        else { return .other }
        let given = text(argument) ?? global(argument)?.name ?? ""
        guard given.utf8.count <= 32 else { return .other }
        var order = given.first.flatMap { "<>=|".contains($0) ? String($0) : nil }
        let name = order == nil ? given : String(given.dropFirst())
        if let state = object.state, let parts = tuple(state), parts.count >= 2, let stored = text(parts[parts.startIndex + 1]) {
            order = stored
        }
        let type = Self.numpyTypes[name] ?? .other
        if case .elements(let dtype) = type, order == ">", dtype.bytesPerBlock > 1 {
            return .refused("big-endian \(dtype.rawValue)")
        }
        return type
    }

    private static let numpyTypes: [String: NumpyType] = [
        "f2": .elements(.f16), "f4": .elements(.f32), "f8": .elements(.f64), "i1": .elements(.i8), "i2": .elements(.i16),
        "i4": .elements(.i32), "i8": .elements(.i64), "u1": .elements(.u8), "u2": .elements(.u16), "u4": .elements(.u32),
        "u8": .elements(.u64), "b1": .elements(.bool), "?": .elements(.bool), "float16": .elements(.f16),
        "float32": .elements(.f32), "float64": .elements(.f64), "int8": .elements(.i8), "int16": .elements(.i16),
        "int32": .elements(.i32), "int64": .elements(.i64), "uint8": .elements(.u8), "uint16": .elements(.u16),
        "uint32": .elements(.u32), "uint64": .elements(.u64), "bool": .elements(.bool), "bool_": .elements(.bool),
        "bfloat16": .elements(.bf16), "c8": .refused("complex64"), "c16": .refused("complex128"),
        "c32": .refused("complex256"), "f16": .refused("an extended float (longdouble)"), "f12": .refused("an extended float (longdouble)"),
    ]
}
