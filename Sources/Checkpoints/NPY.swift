import Archives
import Text

/// The `.npy` format, versions 1 to 3: a header followed by one array.
package enum NPY {
    /// Whether the bytes begin as an `.npy` file does.
    package static func isRecognised(_ head: [UInt8]) -> Bool { head.starts(with: NPYHeader.magic) }

    /// The one array in `region` as a model of one tensor called `name`.
    ///
    /// - Throws: ``Problem`` if the header is damaged; an array that does not hold numbers, or is truncated, is unreadable.
    static func read(_ region: ByteRegion, name: String, path: String) throws -> WeightFile {
        do {
            _ = try NPYHeader(region)
        } catch {
            throw error.at(path: path).about("tensor '\(name)'")
        }
        return WeightFile(
            format: "npy", models: [.init(key: "", [tensor(region, name: name, path: path)])], keepsOrder: true)
    }

    /// The array in `region` as a tensor called `name`, or why it cannot be read.
    static func tensor(_ region: ByteRegion, name: String, path: String) -> ReadTensor {
        do {
            return .record(try record(region, name: name, path: path))
        } catch {
            let header = try? NPYHeader(region)
            return .unreadable(
                UnreadableTensor(
                    name: name, dtype: header?.descriptor, shape: header?.shape,
                    problem: error as? Problem ?? Problem("\(error)"), path: path))
        }
    }

    /// The array in `region` as a tensor called `name`; Fortran order becomes strides.
    ///
    /// - Throws: ``Problem`` for objects, structures, text, complex numbers and big-endian numbers, and if the
    ///   data are shorter or longer than the shape requires.
    package static func record(_ region: ByteRegion, name: String, path: String) throws -> TensorRecord {
        let header: NPYHeader
        do {
            header = try NPYHeader(region)
        } catch {
            throw error.at(path: path).about("tensor '\(name)'")
        }
        let dtype = try type(header.descriptor, name: name, path: path)
        do {
            let size = try TensorRecord.byteCount(dtype: dtype, shape: header.shape)
            let present = region.count - header.dataOffset
            guard present == size, let data = region.slice(offset: header.dataOffset, count: present) else {
                throw Problem(
                    path: path, tensor: name,
                    problem: present < size ? "the data are truncated" : "more data than the shape needs", expected: "\(size) bytes",
                    found: "\(present)")
            }
            guard header.isFortranOrder else {
                return try TensorRecord(name: name, dtype: dtype, shape: header.shape, bytes: data)
            }
            // The first dimension is the fastest. The product cannot overflow: byteCount has checked it.
            var strides: [Int] = []
            var stride = 1
            for length in header.shape {
                strides.append(stride)
                stride *= max(length, 1)
            }
            return try TensorRecord(name: name, dtype: dtype, shape: header.shape, strides: strides, offset: 0, storage: data)
        } catch let error as Problem {
            throw error.at(path: path).about("tensor '\(name)'")
        }
    }

    private static func type(_ descriptor: String, name: String, path: String) throws -> DType {
        let order = descriptor.first
        let code = String(descriptor.dropFirst())
        func refusal(_ problem: String) -> Problem {
            Problem(
                path: path, tensor: name, problem: problem, expected: "numbers of \(dtypes.keys.sorted().joined(separator: " "))",
                found: descriptor.quotedInMessage)
        }
        if descriptor.hasPrefix("[") { throw refusal("a structured array is not supported") }
        if code.hasPrefix("O") { throw refusal("an array of Python objects is not supported") }
        if order == ">" { throw refusal("big-endian numbers are not supported") }
        guard let order, "<|=".contains(order), let dtype = dtypes[code], order != "|" || dtype.bytesPerBlock == 1 else {
            throw refusal("unsupported type")
        }
        return dtype
    }

    /// The type of that description in a header; nil if it is none that is read.
    static func type(named descriptor: String) -> DType? { dtypes[descriptor] }

    private static let dtypes: [String: DType] = [
        "f8": .f64, "f4": .f32, "f2": .f16, "i8": .i64, "i4": .i32, "i2": .i16, "i1": .i8,
        "u8": .u64, "u4": .u32, "u2": .u16, "u1": .u8, "b1": .bool,
    ]
}
