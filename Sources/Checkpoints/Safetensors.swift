import Archives
import Text

/// The safetensors format: a length, a JSON header that names every tensor, and their bytes side by side.
///
/// The rules are those of the reference implementation: the tensors fill the data without holes or overlaps, each has exactly
/// the bytes of its shape, and the header has at most 100 MB.
enum Safetensors {
    /// The longest header that the reference implementation accepts, in bytes.
    static let maximumHeaderLength = 100_000_000

    /// The weights in `region`. The file's order is not the model's, so the tensors are in natural order of their names.
    ///
    /// - Throws: ``Problem`` if the file breaks a rule of the format or has a type that is not known.
    static func read(_ region: ByteRegion, path: String) throws -> WeightFile {
        var reader = ByteReader(region)
        guard let announced = reader.integer(UInt64.self) else {
            throw Problem(
                path: path, problem: "the file is truncated", expected: "a header length of 8 bytes", found: "\(region.count)")
        }
        let allowed = min(reader.remaining, maximumHeaderLength)
        guard announced <= UInt64(allowed), let header = reader.take(Int(announced)),
            let data = region.slice(offset: reader.position, count: reader.remaining)
        else {
            throw Problem(
                path: path, problem: "the header does not fit the file", expected: "at most \(allowed) bytes", found: "\(announced)",
                hint: "the file is truncated or damaged")
        }
        let content: SafetensorsHeader.Content
        do { content = try SafetensorsHeader.content(header.inMemory) } catch { throw error.at(path: path) }
        let entries = try entries(content.tensors, path: path)
        try checkCoverage(entries, dataLength: data.count, path: path)
        var tensors: [TensorRecord] = []
        var unreadable: [UnreadableTensor] = []
        tensors.reserveCapacity(entries.count)
        for entry in entries {
            guard let bytes = data.slice(offset: entry.start, count: entry.end - entry.start) else {
                throw Problem(path: path, tensor: entry.name, problem: "is outside the data")
            }
            if let dtype = dtypes[entry.dtype] {
                do {
                    tensors.append(try record(entry, dtype, bytes, path: path))
                } catch let problem as Problem where isEmptyInFormat(entry, dtype) {
                    // The format allows it, and no other tensor is the worse for it.
                    unreadable.append(
                        UnreadableTensor(
                            name: entry.name, dtype: entry.dtype, shape: entry.shape, bytes: bytes, problem: problem, path: path))
                }
            } else {
                unreadable.append(refusal(of: entry, bytes, path: path))
            }
        }
        unreadable.sort { $0.name.precedesNaturally($1.name) }
        // Whoever writes for PyTorch says so, as this program does, and PyTorch has its matrices as [out, in].
        let isAssumed: Bool
        (tensors, isAssumed) = content.metadata["format"] == "pt" ? (tensors, false) : KernelNames.outputFirst(tensors)
        SafetensorsTies(content.metadata).apply(to: &tensors)
        var file = WeightFile(
            format: "safetensors",
            models: [
                .init(
                    key: "", tensors: tensors.isInNaturalOrder ? tensors : tensors.sorted { $0.name.precedesNaturally($1.name) },
                    unreadable: unreadable)
            ], keepsOrder: false,
            companions: content.metadata.filter { Companions.inHeader.contains($0.key) }.mapValues { ByteRegion(copying: $0.utf8) },
            metadata: content.metadata.sorted { $0.key < $1.key }.map { entry in MetadataEntry(key: entry.key) { .string(entry.value) } })
        if isAssumed { file.assumptions.append(KernelNames.assumption) }
        return file
    }

    /// One tensor as the header describes it.
    private struct Entry {
        let name: String
        let dtype: String
        let shape: [Int]
        let start: Int
        let end: Int
    }

    private static func entries(_ tensors: [SafetensorsHeader.Tensor], path: String) throws -> [Entry] {
        return try tensors.map { tensor in
            let offsets = tensor.offsets
            guard offsets.count == 2, offsets[0] >= 0, offsets[1] >= offsets[0] else {
                throw Problem(
                    path: path, tensor: tensor.name, problem: "bad data offsets", expected: "a begin and an end", found: "\(offsets)")
            }
            return Entry(name: tensor.name, dtype: tensor.dtype, shape: tensor.shape, start: offsets[0], end: offsets[1])
        }.sorted { ($0.start, $0.end, $0.name) < ($1.start, $1.end, $1.name) }
    }

    /// `entries` are in the order of their offsets.
    private static func checkCoverage(_ entries: [Entry], dataLength: Int, path: String) throws {
        var position = 0
        for entry in entries {
            guard entry.start == position else {
                throw Problem(
                    path: path, tensor: entry.name,
                    problem: entry.start < position ? "overlaps another tensor" : "follows a hole in the data",
                    expected: "an offset of \(position)", found: "\(entry.start)")
            }
            guard entry.end <= dataLength else {
                throw Problem(
                    path: path, tensor: entry.name, problem: "the data end before the tensor does", expected: "\(entry.end) bytes",
                    found: "\(dataLength)", hint: "the file is truncated")
            }
            position = entry.end
        }
        guard position == dataLength else {
            throw Problem(
                path: path, problem: "bytes that belong to no tensor", expected: "\(position) bytes of data", found: "\(dataLength)")
        }
    }

    /// Whether the reference implementation takes a tensor for one without elements: it multiplies the lengths from the first to the last.
    private static func isEmptyInFormat(_ entry: Entry, _ dtype: DType) -> Bool {
        guard entry.start == entry.end, entry.shape.contains(0) else { return false }
        var count: UInt = 1
        for length in entry.shape {
            let (product, overflow) = count.multipliedReportingOverflow(by: UInt(length))
            guard !overflow else { return false }
            count = product
        }
        return count == 0
    }

    private static func refusal(of entry: Entry, _ bytes: ByteRegion, path: String) -> UnreadableTensor {
        UnreadableTensor(
            name: entry.name, dtype: entry.dtype, shape: entry.shape, bytes: bytes,
            problem: Problem("elements of type \(entry.dtype.quotedInMessage) are not supported"), path: path)
    }

    private static func record(_ entry: Entry, _ dtype: DType, _ bytes: ByteRegion, path: String) throws -> TensorRecord {
        do {
            return try TensorRecord(name: entry.name, dtype: dtype, shape: entry.shape, bytes: bytes)
        } catch {
            throw error.at(path: path).about("tensor '\(entry.name)'")
        }
    }

    /// The format's name of a type; nil for types that it lacks.
    static func typeName(_ dtype: DType) -> String? { names[dtype] }

    /// The type of that name in the format; nil if it is none that is read.
    static func type(named name: String) -> DType? { dtypes[name] }

    private static let names = Dictionary(uniqueKeysWithValues: dtypes.map { ($0.value, $0.key) })

    private static let dtypes: [String: DType] = [
        "F64": .f64, "F32": .f32, "F16": .f16, "BF16": .bf16, "F8_E4M3": .f8e4m3fn, "F8_E5M2": .f8e5m2,
        "F8_E4M3FNUZ": .f8e4m3fnuz, "F8_E5M2FNUZ": .f8e5m2fnuz, "I64": .i64, "I32": .i32, "I16": .i16, "I8": .i8,
        "U64": .u64, "U32": .u32, "U16": .u16, "U8": .u8, "BOOL": .bool,
    ]
}
